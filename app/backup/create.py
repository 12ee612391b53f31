"""Takes a backup: counts and dumps rows in one snapshot, reads the dump back, compares, and only then puts it in place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from app.backup.manifest import Manifest, open_private, path_beside, sha256_of, write_manifest
from app.backup.programs import count_archived_rows, dump
from app.backup.progress import Tell, stage
from app.stack.command_errors import CommandError
from app.stack.embedded.pg_programs import find_program
from app.usecases.stores import connected
from db.core.backup import count_rows, list_database_grants, may_see_all_rows, snapshot

CANT_SEE = (
    "this role can't see all rows, so the backup would be empty: BACKUP_DATABASE_URL must name sluice_backup (BYPASSRLS, see "
    "db/bootstrap.sql) or a superuser"
)


def create_backup(url: str, archive: Path, *, force: bool) -> Manifest:
    """Write `archive` and its manifest, readable only by their owner. Raises CommandError, and then writes neither."""
    if not force and (archive.exists() or path_beside(archive).exists()):
        raise CommandError(f"{archive} exists: choose another name, or replace it with --force")
    # A backup that is cut short never has the final name.
    unfinished = archive.with_name(f"{archive.name}.partial")
    beside = path_beside(unfinished)
    try:
        manifest = _write(url, unfinished)
        write_manifest(beside, manifest)
        unfinished.replace(archive)
        beside.replace(path_beside(archive))
    except OSError as error:
        raise CommandError(f"{archive} can't be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
    return manifest


def _write(url: str, archive: Path) -> Manifest:
    with open_private(archive) as file, connected(url) as conn:
        if not may_see_all_rows(conn):
            raise CommandError(CANT_SEE)
        server, database = conn.info.server_version // 10_000, conn.info.dbname
        program = find_program("pg_dump", server)
        taken_at = datetime.now(UTC).isoformat(timespec="seconds")
        with snapshot(conn) as name:
            with stage("Counting rows") as tell:
                rows = _counted(conn, tell)
            if not rows:
                raise CommandError(f"database {database} has no table: is it the right one?")
            grants = list_database_grants(conn)
            with stage(f"Dumping {sum(rows.values()):,} rows of {len(rows)} tables") as tell:
                dump(program, url, name, file, lambda: tell(f"{archive.stat().st_size:,} bytes"))
        os.fsync(file.fileno())
    # pg_dump's exit code is not proof: row-level security may hide rows from it, and a disk may lose some.
    with stage("Reading the backup back") as tell:
        reader = find_program("pg_restore", program.major)
        compare(rows, count_archived_rows(reader, archive, lambda seen: tell(f"{seen:,} rows")), "the backup")
        checksum = sha256_of(archive)
    size = archive.stat().st_size
    return Manifest(taken_at, database, server, program.major, size, checksum, rows, grants)


def _counted(conn: psycopg.Connection, tell: Tell) -> dict[str, int]:
    try:
        return count_rows(conn, tell)
    except psycopg.errors.InsufficientPrivilege as error:
        raise CommandError(
            f"BACKUP_DATABASE_URL's role may not read everything: {error.diag.message_primary}"
        ) from None


def compare(expected: Mapping[str, int], found: Mapping[str, int], what: str) -> None:
    """Raises CommandError unless `found` has the same tables with the same numbers of rows."""
    names = sorted({*expected, *found})
    wrong = [name for name in names if expected.get(name) != found.get(name)]
    if wrong:
        told = ", ".join(f"{name}: {found.get(name, 'no table')} of {expected.get(name, 'none')}" for name in wrong[:5])
        raise CommandError(f"{what} is not complete, do not rely on it: {told}")
