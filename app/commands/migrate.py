"""`migrate`: bring the database up to date as its owner."""

from __future__ import annotations

import sys

import click
import psycopg

from app.commands.terminal.declaration import Command
from app.commands.terminal.exits import DONE
from app.settings.environment import Settings
from app.stack.command_errors import Away, CommandError
from app.stack.endpoints import resolve
from db.core.migrate import MigrationError
from db.core.migrate import migrate as apply_migrations


@click.command("migrate", cls=Command, changes="schema.migrate")
def migrate(settings: Settings) -> int:
    """Apply the missing migrations, as MIGRATION_DATABASE_URL."""
    url = settings.migration_database_url or resolve(settings).migration_database_url
    if url is None:
        raise CommandError("MIGRATION_DATABASE_URL must be set: migrations run as the tables' owner")
    try:
        applied = apply_migrations(url)
    except MigrationError as error:
        raise CommandError(str(error)) from None
    except psycopg.OperationalError:
        raise Away("MIGRATION_DATABASE_URL can't be reached: is PostgreSQL running, and the password right?") from None
    sys.stdout.write("".join(f"applied {name}\n" for name in applied) or "nothing to apply\n")
    return DONE
