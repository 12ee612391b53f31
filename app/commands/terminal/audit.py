"""The event of a command, written once it has ended, whether well or not."""

from __future__ import annotations

import json
import os
import pwd
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from psycopg import Error

from app.audit.actions import COMMANDS
from app.audit.notes import Notes, begin_notes, named
from app.audit.writing import append
from app.commands.terminal.exits import AWAY, DONE, FAILED, INTERRUPTED
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import resolve
from db.core.pool import connect_briefly
from db.insight.audit_events import AuditEvent

ADDRESS = "cli"
# What may be kept of the arguments: ids, flags and names of ours. Others may hold a secret.
KEPT_ARGUMENTS = (
    *("log_id", "batch_id", "token_id", "product", "type", "entity", "mode", "role", "platform", "categories", "force"),
    *("off", "grace_hours", "never"),
)


def run_recorded(argv: Sequence[str], args: Namespace, settings: Settings) -> int:
    """Run a command, and record it if it changes something; whatever it raises is raised."""
    action = action_of(argv)
    notes = begin_notes()
    if action is None:
        return _run(args, settings)
    code = FAILED
    try:
        code = _run(args, settings)
    except CommandError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        raise
    finally:
        _record(_finished(action, args, notes, code), settings)
    return code


def _run(args: Namespace, settings: Settings) -> int:
    run: Callable[[Namespace, Settings], int] = args.run
    return run(args, settings)


def action_of(argv: Sequence[str]) -> str | None:
    """By the first one or two words; a command that nobody listed is recorded under its own name."""
    words = " ".join(argv[:2])
    if words in COMMANDS:
        return COMMANDS[words]
    return COMMANDS.get(argv[0], f"command.{argv[0]}")


def command_event(action: str, store_id: UUID | None = None, **facts: Any) -> AuditEvent:
    """An event of whoever is logged in at this terminal."""
    return AuditEvent(
        action=action,
        result="ok",
        actor_kind="command",
        actor=_user(),
        store_id=store_id,
        address=ADDRESS,
        details=named(facts),
    )


def _finished(action: str, args: Namespace, notes: Notes, code: int) -> AuditEvent:
    given = {name: getattr(args, name) for name in KEPT_ARGUMENTS if getattr(args, name, None) not in (None, False)}
    store_id = notes.store_id or getattr(args, "store_id", None) or getattr(args, "store", None)
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
    """By the process, not by the environment, which anyone may set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name[:64]
    except KeyError:  # a container's user need not have a name
        return f"uid {os.getuid()}"


def _record(event: AuditEvent, settings: Settings) -> None:
    try:
        with connect_briefly(_database_url(settings), "audit") as conn:
            append(conn, event)
    except (Error, CommandError):
        if event.code != f"EXIT_{AWAY}":  # then the command has just said which server is away
            facts = {"action": event.action, "result": event.result, "actor": event.actor, "store": str(event.store_id)}
            sys.stderr.write(f"audit_event_lost: the audit trail can't be written, {json.dumps(facts)}\n")


def _database_url(settings: Settings) -> str:
    """As the application, else as the owner: `migrate` may know nothing but that."""
    try:
        return resolve(settings).database_url
    except CommandError:
        if settings.migration_database_url is None:
            raise
        return settings.migration_database_url
