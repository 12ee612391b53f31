"""The shape of the audit trail."""

from __future__ import annotations

from schemas.answers.fields import AnswerSchema, free, several, text, uuid, when, word

ACTOR_KINDS = ("token", "session", "command", "schedule", "unknown")
RESULTS = ("ok", "refused", "failed")


class AuditEventSchema(AnswerSchema):
    """Who changed what."""

    id = text()
    at = when()
    storeId = uuid(nullable=True)
    action = text("as docs/audit.md lists them")
    result = word(*RESULTS, about="`failed`: part of it may have been done")
    code = text("the error's, or a command's exit code", nullable=True)
    actorKind = word(*ACTOR_KINDS)
    actor = text("a token's id, a user of the operating system, or a schedule's entity; never a secret", nullable=True)
    address = text("the client's, or `cli`", nullable=True)
    requestId = text(nullable=True)
    details = free("ids and names of what was changed")


class AuditPageSchema(AnswerSchema):
    """A page of events."""

    events = several(AuditEventSchema)
    nextCursor = text(nullable=True)
