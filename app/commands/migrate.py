"""`migrate`: bring the database up to date as its owner."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator

import psycopg

from app.settings.environment import Settings
from app.stack.endpoints import resolve
from app.stack.errors import Away, StackError
from db.core.migrate import Changes, MigrationError, migrate


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("migrate", help="bring tables and SQL functions up to date, as MIGRATION_DATABASE_URL")
    parser.set_defaults(run=run)


def run(_args: Namespace, settings: Settings) -> int:
    url = settings.migration_database_url or resolve(settings).migration_database_url
    if url is None:
        raise StackError("MIGRATION_DATABASE_URL must be set: migrations run as the tables' owner")
    try:
        changes = migrate(url)
    except MigrationError as error:
        raise StackError(str(error)) from None
    except psycopg.OperationalError:
        raise Away("MIGRATION_DATABASE_URL can't be reached: is PostgreSQL running, and the password right?") from None
    sys.stdout.writelines(f"{line}\n" for line in _report(changes))
    return 0


def _report(changes: Changes) -> Iterator[str]:
    if changes.taken_over:
        yield "took over a database from before 0001_baseline with its data"
    yield from (f"applied {name}" for name in changes.migrations)
    for done, names in (("applied", changes.functions), ("dropped", changes.dropped)):
        if names:
            yield f"{done} {len(names)} functions: {', '.join(names)}"
    if not changes:
        yield "nothing to apply"
