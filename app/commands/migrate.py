"""`migrate`: bring the database up to date as its owner."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction

import psycopg

from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError
from app.stack.endpoints import resolve
from db.core.migrate import MigrationError, migrate


def add_parser(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser("migrate", help="apply what is missing of db/migrations, as MIGRATION_DATABASE_URL")
    parser.set_defaults(run=run)


def run(_args: Namespace, settings: Settings) -> int:
    url = settings.migration_database_url or resolve(settings).migration_database_url
    if url is None:
        raise CommandError("MIGRATION_DATABASE_URL must be set: migrations run as the tables' owner")
    try:
        applied = migrate(url)
    except MigrationError as error:
        raise CommandError(str(error)) from None
    except psycopg.OperationalError:
        raise Away("MIGRATION_DATABASE_URL can't be reached: is PostgreSQL running, and the password right?") from None
    sys.stdout.write("".join(f"applied {name}\n" for name in applied) or "nothing to apply\n")
    return 0
