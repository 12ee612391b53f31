"""The event of a request, written once it has been answered and before the answer leaves."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, current_app, g, request

from app.audit.actions import API_SIGN_IN
from app.audit.actions import CONSOLE as CONSOLE_ACTIONS
from app.audit.caps import RefusalCap
from app.audit.notes import named, taken_notes
from app.audit.writing import append
from app.http.errors import ERROR_CODES
from app.http.services import services
from app.settings.logs import get_logger
from db.insight.audit_events import ActorKind, AuditEvent, Result
from db.stores.tokens import Caller

CAP = "sluice_audit_cap"
TARGET_NAMES = ("entity", "sync_type", "code", "action")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CONSOLE = "console"
CODES = {declared.status: code for code, declared in reversed(ERROR_CODES.items())}
# With the database away nobody waits for it twice: the answer was 503 already.
PATIENCE_SECONDS, PATIENCE_WHEN_AWAY_SECONDS = 2.0, 0.05

log = get_logger(__name__)


def record_request(response: Response, endpoint: str | None, method: str, code: str | None) -> None:
    """Append the event of a request that changed something, or was refused. An event that can't be written is logged whole, and
    the answer stays: the change has been committed."""
    action = _action(endpoint, method, code)
    if action is None:
        return
    event = _event(action, response)
    if event.result != "ok" and not _cap().admits(event.actor or event.address or "", is_known=event.actor is not None):
        return
    patience = PATIENCE_WHEN_AWAY_SECONDS if event.code == "UNAVAILABLE" else PATIENCE_SECONDS
    try:
        with services().pool.connection(patience) as conn:
            append(conn, event)
    except Exception as error:
        log.error(
            "audit_event_lost",
            exc_info=error,
            action=event.action,
            result=event.result,
            code=event.code,
            actor_kind=event.actor_kind,
            actor=event.actor,
            address=event.address,
            store_id=str(event.store_id),
            details=event.details,
        )


def _action(endpoint: str | None, method: str, code: str | None) -> str | None:
    """The name of what was asked; None for what is not recorded. Every accept passes here: it costs one look-up."""
    if code == "UNAUTHORIZED" and request.blueprint != CONSOLE:
        return API_SIGN_IN
    if method in SAFE_METHODS or endpoint is None:
        return None
    action = action_of(endpoint)
    return action.format(**(request.view_args or {})) if action else None


def action_of(endpoint: str) -> str | None:
    """What an endpoint that changes something is recorded as: what its view or the console declares, else its own name."""
    declared = getattr(current_app.view_functions[endpoint], "operations", ())
    if not declared:
        return CONSOLE_ACTIONS.get(endpoint, endpoint)
    if declared[0].audit is None:
        return endpoint
    return declared[0].audit or None


def _event(action: str, response: Response) -> AuditEvent:
    caller: Caller | None = g.get("caller")
    notes = taken_notes()
    return AuditEvent(
        action=action,
        result=_result(response.status_code),
        actor_kind=_kind(caller),
        actor=str(caller.token_id) if caller else None,
        store_id=_store(notes.store_id, caller),
        address=(request.remote_addr or "")[:64] or None,
        code=g.get("error_code") or CODES.get(response.status_code),
        request_id=g.request_id,
        details=_target() | notes.details,
    )


def _result(status: int) -> Result:
    """A page may lead to the form of signing in and be refused all the same: its error has a code."""
    if status >= 500:
        return "failed"
    return "refused" if status >= 400 or g.get("error_code") else "ok"


def _kind(caller: Caller | None) -> ActorKind:
    if caller is None:
        return "unknown"
    return "session" if request.blueprint == CONSOLE else "token"


def _store(noted: UUID | None, caller: Caller | None) -> UUID | None:
    found: UUID | None = noted or g.get("store_id")
    return found or (caller.store_id if caller else None)


def _target() -> dict[str, Any]:
    """What the path names: ids of ours and words of a closed set. Not the number of a person, which is erased."""
    given = {name: value for name, value in (request.view_args or {}).items() if name != "store_id"}
    return named({name: value for name, value in given.items() if isinstance(value, UUID) or name in TARGET_NAMES})


def _cap() -> RefusalCap:
    cap: RefusalCap = current_app.extensions[CAP]
    return cap
