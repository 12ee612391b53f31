"""Applies `db/migrations/NNNN_name.sql`, each file once, in order, in a transaction of its own.

Safe when several processes start at once (advisory lock) and after a kill in the middle (a file is applied wholly or not).
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from db.core.sql import queries

SQL = queries(__file__)
MIGRATIONS = Path(__file__).parents[1] / "migrations"
FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
LOCK_DEADLINE_SECONDS = 120.0
LOCK_POLL_SECONDS = 0.2


class MigrationError(RuntimeError):
    """The database can't be brought up to date. The message says what is wrong and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is the SHA-256 of its bytes."""

    name: str
    text: str
    checksum: str


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The migrations of a folder in order. Raises MigrationError for a name that has no place in it."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        if not FILE_NAME.fullmatch(path.name):
            raise MigrationError(f"{path.name}: a migration is named NNNN_what_it_does.sql")
        data = path.read_bytes()
        found.append(Migration(path.stem, data.decode("utf-8"), hashlib.sha256(data).hexdigest()))
    return found


def migrate(database_url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing as the owner's role; returns the names applied.

    Raises MigrationError where an applied file was changed, roles are missing, or the lock can't be had in time.
    """
    wanted = read_migrations(folder)
    with psycopg.connect(database_url, autocommit=True) as conn:
        _lock(conn)
        conn.execute(SQL["create_schema_migrations"])
        todo = to_apply(wanted, _applied(conn))
        for migration in todo:
            _apply(conn, migration)
        return [migration.name for migration in todo]


def pending(database_url: str, folder: Path = MIGRATIONS) -> list[str]:
    """The names not applied yet, as seen by the application's role; all of them in an empty database."""
    with psycopg.connect(database_url, autocommit=True) as conn:
        row = conn.execute(SQL["exists_schema_migrations"]).fetchone()
        applied = _applied(conn) if row and row[0] else {}
    return [migration.name for migration in to_apply(read_migrations(folder), applied)]


def to_apply(wanted: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """What to apply. Raises MigrationError where history was rewritten, for then nobody knows what the tables are."""
    for migration in wanted:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"{migration.name} was changed after it was applied: restore it and add a new file instead"
            )
    return [migration for migration in wanted if migration.name not in applied]


def _applied(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(SQL["list_schema_migrations"]).fetchall())


def _lock(conn: psycopg.Connection) -> None:
    """Poll for the lock: a session that blocks on it would hold a snapshot, for which a concurrent index build waits."""
    deadline = time.monotonic() + LOCK_DEADLINE_SECONDS
    while True:
        row = conn.execute(SQL["try_migration_lock"]).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise MigrationError("another migration has been running for two minutes: look for it in pg_stat_activity")
        time.sleep(LOCK_POLL_SECONDS)


def _apply(conn: psycopg.Connection, migration: Migration) -> None:
    try:
        with conn.transaction():
            conn.execute(migration.text.encode())
            conn.execute(SQL["insert_schema_migration"], {"name": migration.name, "checksum": migration.checksum})
    except psycopg.errors.UndefinedObject as error:
        if "role" in (error.diag.message_primary or ""):
            raise MigrationError("the roles are missing: run db/bootstrap.sql as a superuser first") from None
        raise
