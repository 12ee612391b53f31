"""Restores a backup into an empty database, or into a new one that takes the place of a full one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import ObjectInUse

from app.backup import programs
from app.backup.create import compare
from app.backup.manifest import Manifest
from app.backup.progress import stage
from app.stack.command_errors import CommandError
from app.stack.embedded.pg_programs import Program, find_program
from app.usecases.stores import connected
from db.core.backup import (
    analyze,
    count_rows,
    count_sessions,
    drop_database,
    existing_roles,
    is_superuser,
    set_database_grants,
    swap_databases,
)
from db.core.installation import APP, OWNER, SYSTEM, create_database, database_exists, own_schema

SYSTEM_DATABASES = ("postgres", "template0", "template1")
MAINTENANCE = "postgres"  # every server has it, and a database can't be renamed by a session inside it


@dataclass(frozen=True, slots=True)
class Target:
    """A database to restore into, as it is now. `rows` is None if it does not exist yet."""

    url: str
    name: str
    host: str
    server: int
    sessions: int
    rows: dict[str, int] | None

    @property
    def is_empty(self) -> bool:
        return not self.rows

    @property
    def state(self) -> str:
        if self.rows is None:
            return "does not exist yet"
        if not self.rows:
            return "is empty"
        return f"holds {sum(self.rows.values()):,} rows in {len(self.rows)} tables"


def look_at(url: str, name: str | None) -> Target:
    """What a restore would meet. Raises CommandError if it can't be done at all."""
    parts = conninfo_to_dict(url)
    name = name or str(parts.get("dbname") or MAINTENANCE)
    if name in SYSTEM_DATABASES:
        raise CommandError(
            f"database {name} belongs to the server: name another in RESTORE_DATABASE_URL or with --database"
        )
    with connected(_on(url, MAINTENANCE)) as conn:
        if not is_superuser(conn):
            raise CommandError(
                "RESTORE_DATABASE_URL must name a superuser: tables are given back to their owners' roles"
            )
        missing = {OWNER, APP, SYSTEM} - existing_roles(conn, [OWNER, APP, SYSTEM])
        if missing:
            raise CommandError(
                f"the server lacks the roles {', '.join(sorted(missing))}: run db/bootstrap.sql there first"
            )
        exists, sessions = database_exists(conn, name), count_sessions(conn, name)
        server, host = conn.info.server_version // 10_000, conn.info.host
    rows = None
    if exists:
        with connected(_on(url, name)) as conn, stage(f"Looking at {name}") as tell:
            rows = count_rows(conn, tell)
    return Target(url, name, host, server, sessions, rows)


def restore_backup(archive: Path, manifest: Manifest, target: Target) -> str | None:
    """Restore, and compare every table's rows; returns the name of a replaced database from now on.

    Raises CommandError. A full database is then as it was; an empty one is empty, or holds rows that differ from the backup.
    """
    program = find_program("pg_restore", max(manifest.pg_dump, target.server))
    if target.is_empty:
        _make(target, target.name)
        _fill(program, archive, manifest, target, target.name)
        return None
    stamp = f"{datetime.now(UTC):%Y%m%d_%H%M%S}"
    new, old = f"{target.name[:40]}_new_{stamp}", f"{target.name[:40]}_old_{stamp}"
    try:
        _make(target, new)
        _fill(program, archive, manifest, target, new)
        with connected(_on(target.url, MAINTENANCE)) as conn:
            swap_databases(conn, target.name, new, old)
    except ObjectInUse:
        raise CommandError(f"sessions on {target.name} don't end: stop Sluice, and restore again") from None
    finally:
        with connected(_on(target.url, MAINTENANCE)) as conn:
            drop_database(conn, new)  # after a swap no database has that name
    return old


def _make(target: Target, name: str) -> None:
    with connected(_on(target.url, MAINTENANCE)) as conn:
        create_database(conn, name)
    with connected(_on(target.url, name)) as conn:
        own_schema(conn)


def _fill(program: Program, archive: Path, manifest: Manifest, target: Target, name: str) -> None:
    url = _on(target.url, name)
    with stage(f"Restoring {manifest.total:,} rows into {name}"):
        programs.restore(program, url, archive, lambda: None)
    with connected(url) as conn:
        with stage("Comparing every table") as tell:
            compare(manifest.rows, count_rows(conn, tell), "the restored database")
        set_database_grants(conn, name, manifest.database_grants)
        analyze(conn)


def _on(url: str, name: str) -> str:
    return make_conninfo(url, dbname=name)
