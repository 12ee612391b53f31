"""The shape of the audit trail."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from schemas.answers.fields import AnswerData, Moment, about, one_of

ActorKind = Annotated[str, one_of("token", "session", "command", "schedule", "unknown")]
Result = Annotated[str, one_of("ok", "refused", "failed")]


class AuditEvent(AnswerData):
    """Who changed what."""

    id: Annotated[str, about(example="4711")]
    at: Moment
    store_id: UUID | None
    action: Annotated[str, about("as docs/audit.md lists them", example="token.create")]
    result: Annotated[Result, about("`failed`: part of it may have been done")]
    code: Annotated[str | None, about("the error's code, or a command's exit code", example=None)]
    actor_kind: ActorKind
    actor: Annotated[
        str | None,
        about(
            "a token's id, a user of the operating system, or a schedule's entity; never a secret",
            example="0199a6f2-7e1c-7c3b-9a6e-0d4f1c2b3a4a",
        ),
    ]
    address: Annotated[str | None, about("the client's, or `cli`", example="203.0.113.7")]
    request_id: Annotated[str | None, about(example="8d9f5b0c6f5f4d0e9d2b7c1a3e4f5a6b")]
    details: Annotated[dict[str, Any], about("ids and names of what was changed", example={"role": "store"})]


class AuditPage(AnswerData):
    """A page of events."""

    events: list[AuditEvent]
    next_cursor: Annotated[str | None, about(example="1768478401190000.4711")]
