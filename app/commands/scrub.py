"""`stores scrub`: after stores or customers were erased, removes their bytes from the database's files too."""

from __future__ import annotations

import time
from argparse import Namespace
from datetime import UTC, datetime

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.commands.terminal.exits import DONE
from app.commands.terminal.output import console, write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError
from app.stack.endpoints import Endpoints, resolve
from app.usecases.stores import connected
from db.stores.scrub import forget_wal, has_older_transactions, rewrite_tables

PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.2
BY_HAND = (
    "tables are rewritten; the write-ahead log is the administrator's: ALTER SYSTEM SET wal_recycle = off; "
    "SELECT pg_reload_conf(), pg_switch_wal(); CHECKPOINT; and once more, then ALTER SYSTEM RESET wal_recycle"
)


def run_scrub(args: Namespace, settings: Settings) -> int:
    """Rewrites all tables, one after the other, each locked meanwhile. Backups and archived logs are not reached."""
    endpoints = resolve(settings)
    with connected(_privileged(endpoints)) as conn:
        is_superuser = conn.info.parameter_status("is_superuser") == "on"
        _outwait(conn, datetime.now(UTC))
        rewrite_tables(conn)
        if is_superuser:
            forget_wal(conn)
    if args.json:
        write_json({"tablesRewritten": True, "walForgotten": is_superuser})
    else:
        console().print("nothing of what was deleted is left in the database's files" if is_superuser else BY_HAND)
    return DONE


def _privileged(endpoints: Endpoints) -> str:
    """The superuser of an embedded server, else whom MIGRATION_DATABASE_URL names, on the application's database."""
    url = endpoints.superuser_database_url or endpoints.migration_database_url
    if url is None:
        raise CommandError("MIGRATION_DATABASE_URL must be set: tables are rewritten as their owner")
    return make_conninfo(url, dbname=conninfo_to_dict(endpoints.database_url)["dbname"])


def _outwait(conn: psycopg.Connection, before: datetime) -> None:
    """Wait for transactions that may still see what was deleted."""
    end = time.monotonic() + PATIENCE_SECONDS
    while has_older_transactions(conn, before):
        if time.monotonic() > end:
            raise CommandError("a transaction stays open that may see what was deleted: end it, and scrub again")
        time.sleep(POLL_SECONDS)
