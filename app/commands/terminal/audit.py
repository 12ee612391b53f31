"""Records the event of a command once it has ended, whether it succeeded or not."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from psycopg import Error

from app.audit.notes import Notes, begin_notes, named
from app.audit.writing import append
from app.commands.terminal.exits import AWAY, DONE, FAILED, INTERRUPTED
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve
from db.core.pool import connect_briefly
from db.insight.audit_events import AuditEvent

ADDRESS = "cli"
# Only ids, flags and names of ours are recorded: any other argument may hold a secret.
RECORDED_ARGUMENTS = (
    *("log_id", "batch_id", "token_id", "product", "type", "entity", "mode", "role", "platform", "categories", "force"),
    *("off", "grace_hours", "never", "dry_run"),
)


def run_recorded(action: str | None, params: Mapping[str, Any], settings: Settings, run: Callable[[], int]) -> int:
    """Run a command and record it as `action`; None records nothing. Re-raises whatever the command raises."""
    notes = begin_notes()
    if action is None:
        return run()
    code = FAILED
    try:
        code = run()
    except CommandError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        raise
    finally:
        _record(_finished(action, params, notes, code), settings)
    return code


def command_event(action: str, store_id: UUID | None = None, **facts: Any) -> AuditEvent:
    """An event of the user at this terminal."""
    return AuditEvent(
        action=action,
        result="ok",
        actor_kind="command",
        actor=_user(),
        store_id=store_id,
        address=ADDRESS,
        details=named(facts),
    )


def _finished(action: str, params: Mapping[str, Any], notes: Notes, code: int) -> AuditEvent:
    given = {name: params[name] for name in RECORDED_ARGUMENTS if params.get(name) not in (None, False)}
    store_id = notes.store_id or params.get("store_id") or params.get("store")
    return AuditEvent(
        action=action,
        result="ok" if code == DONE else "failed",
        actor_kind="command",
        actor=_user(),
        store_id=store_id if isinstance(store_id, UUID) else None,
        address=ADDRESS,
        code=None if code == DONE else f"EXIT_{code}",
        details=named(given) | notes.details,
    )


def _user() -> str:
    # From the process, not from the environment, which anyone may set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name[:64]
    except KeyError:  # a container's user need not have a name
        return f"uid {os.getuid()}"


def _record(event: AuditEvent, settings: Settings) -> None:
    try:
        with connect_briefly(_database_url(settings), "audit") as conn:
            append(conn, event)
    except (Error, CommandError):
        if event.code != f"EXIT_{AWAY}":  # the command itself has reported that the server is away
            facts = {"action": event.action, "result": event.result, "actor": event.actor, "store": str(event.store_id)}
            sys.stderr.write(f"audit_event_lost: the audit trail can't be written, {json.dumps(facts)}\n")


def _database_url(settings: Settings) -> str:
    try:
        return resolve(settings).database_url
    except CommandError:
        if settings.migration_database_url is None:  # `migrate` may run with the owner's URL alone
            raise
        return settings.migration_database_url
