"""Writes the event of a request after it is answered and before the answer leaves."""

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
# With the database away the answer was 503 already: do not wait for it a second time.
PATIENCE_SECONDS, PATIENCE_WHEN_AWAY_SECONDS = 2.0, 0.05

log = get_logger(__name__)


def record_request(response: Response, endpoint: str | None, method: str, code: str | None) -> None:
    """Record a request that changed something or was refused.

    An event that can't be written is logged with all its facts, and the answer stays: the change is committed.
    """
    action = _action(endpoint, method, code)
    if action is None:
        return
    event = _event(action, response)
    cap: RefusalCap = current_app.extensions[CAP]
    if event.result != "ok" and not cap.admits(event.actor or event.address or "", is_known=event.actor is not None):
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
    # None: not recorded. Every accept passes here, so it must cost no more than one look-up.
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
        store_id=notes.store_id or g.get("store_id") or (caller.store_id if caller else None),
        address=(request.remote_addr or "")[:64] or None,
        code=g.get("error_code") or CODES.get(response.status_code),
        request_id=g.request_id,
        details=_target() | notes.details,
    )


def _result(status: int) -> Result:
    if status >= 500:
        return "failed"
    # A page redirects a refused sign-in to its form, with a status below 400: its error has a code.
    return "refused" if status >= 400 or g.get("error_code") else "ok"


def _kind(caller: Caller | None) -> ActorKind:
    if caller is None:
        return "unknown"
    return "session" if request.blueprint == CONSOLE else "token"


def _target() -> dict[str, Any]:
    # Ids of ours and words of a closed set only. A customer's number is left out: customers can be erased.
    given = {name: value for name, value in (request.view_args or {}).items() if name != "store_id"}
    return named({name: value for name, value in given.items() if isinstance(value, UUID) or name in TARGET_NAMES})
