"""`migrate`: bring the database up to date as its owner."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec
import psycopg

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.commands.terminal.options import json_option
from app.commands.terminal.output import tell
from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError
from app.stack.endpoints import resolve
from db.core.migrate import Changes, MigrationError
from db.core.migrate import migrate as bring_up_to_date


@click.command("migrate", cls=Command, changes="schema.migrate")
@json_option
def migrate(settings: Settings, as_json: bool) -> int:
    """Bring tables and SQL functions up to date."""
    url = settings.migration_database_url or resolve(settings).migration_database_url
    if url is None:
        raise CommandError("MIGRATION_DATABASE_URL must be set: migrations run as the tables' owner")
    try:
        changes = bring_up_to_date(url)
    except MigrationError as error:
        raise CommandError(str(error)) from None
    except psycopg.OperationalError:
        raise Away("MIGRATION_DATABASE_URL can't be reached: is PostgreSQL running, and the password right?") from None
    tell(msgspec.to_builtins(changes), "\n".join(_report(changes)), as_json=as_json)
    return DONE


def _report(changes: Changes) -> Iterator[str]:
    if changes.taken_over:
        yield "took over a database from before 0001_baseline with its data"
    yield from (f"applied {name}" for name in changes.migrations)
    for done, names in (("applied", changes.functions), ("dropped", changes.dropped)):
        if names:
            yield f"{done} {len(names)} functions: {', '.join(names)}"
    if not changes:
        yield "nothing to apply"
