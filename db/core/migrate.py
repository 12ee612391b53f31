"""Brings a database up to date: `db/migrations` for tables and data, then `db/functions` for the SQL functions in force.

- A migration is applied once, in order, in a transaction of its own. Its line `-- needs: f, g` creates these functions there.
- Functions whose file changed are applied in one transaction after the migrations; those without a file are dropped.
- A database from before the baseline gets `db/takeover` instead of it, and keeps its data.

Safe when several processes start at once (advisory lock) and after a kill in the middle (a file is applied wholly or not).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.sql import SQL as Text
from psycopg.sql import Identifier

from db.core.sql import queries

SQL = queries(__file__)
FOLDER = Path(__file__).parents[1]
FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
NEEDS = re.compile(r"^-- needs: ([\w, ]+)$", re.MULTILINE)
BASELINE = "0001_baseline"
# A database that lists the first of these was made before the baseline; takeover goes on from the second.
OLD_FIRST, OLD_LAST = "0001_tenancy", "0015_cheaper_accept"
LOCK_DEADLINE_SECONDS = 120.0
LOCK_POLL_SECONDS = 0.2


class MigrationError(RuntimeError):
    """The database can't be brought up to date. The message says in one line what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """A migration, or the function of that name. `checksum` is the SHA-256 of its bytes."""

    name: str
    text: str
    checksum: str

    @property
    def needs(self) -> list[str]:
        """The functions that must exist before this file's later statements run."""
        return [name for names in NEEDS.findall(self.text) for name in names.split(", ")]


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database should have. `functions` are in the order in which they are created."""

    migrations: list[File]
    takeover: list[File]
    functions: dict[str, File]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run of `migrate` did; false if nothing. `taken_over`: the database was made before the baseline."""

    taken_over: bool
    migrations: list[str]
    functions: list[str]
    dropped: list[str]

    def __bool__(self) -> bool:
        return bool(self.migrations or self.functions or self.dropped or self.taken_over)


def read_schema(folder: Path = FOLDER) -> Schema:
    """The files of `folder`. Raises MigrationError for a wrong name, or a function that needs one without a file."""
    migrations, takeover = _read(folder / "migrations"), _read(folder / "takeover")
    for file in (*migrations, *takeover):
        if not FILE_NAME.fullmatch(f"{file.name}.sql"):
            raise MigrationError(f"{file.name}.sql: a migration is named NNNN_what_it_does.sql")
    functions = {file.name: file for file in _read(folder / "functions")}
    for file in (*migrations, *functions.values()):
        if missing := set(file.needs) - functions.keys():
            raise MigrationError(f"{file.name} needs the function {min(missing)}, which has no file in db/functions")
    order = TopologicalSorter({file.name: file.needs for file in functions.values()}).static_order()
    return Schema(migrations, takeover, {name: functions[name] for name in order})


def migrate(database_url: str, folder: Path = FOLDER) -> Changes:
    """Apply what is missing, as the owner's role.

    Raises MigrationError if an applied migration was changed, roles are missing, or another process holds the lock too long.
    """
    schema = read_schema(folder)
    with psycopg.connect(database_url, autocommit=True) as conn:
        _lock(conn)
        conn.execute(SQL["create_schema_migrations"])
        conn.execute(SQL["create_schema_functions"])
        old = OLD_FIRST in (applied := _applied(conn))
        migrations = _take_over(conn, schema, applied) if old else []
        functions: list[str] = []
        for migration in to_apply(schema.migrations, _applied(conn)):
            functions += _apply(conn, migration, schema)
            migrations.append(migration.name)
        with conn.transaction():
            functions += _put_changed(conn, schema.functions.values())
            dropped = _drop_others(conn, schema)
        return Changes(old, migrations, functions, dropped)


def pending(database_url: str, folder: Path = FOLDER) -> list[str]:
    """The names of migrations and functions to apply, as the application's role sees it; all of them in an empty database."""
    schema = read_schema(folder)
    with psycopg.connect(database_url, autocommit=True) as conn:
        applied = _applied(conn) if _table_exists(conn, "schema_migrations") else {}
        functions = _applied_functions(conn) if _table_exists(conn, "schema_functions") else {}
    old = OLD_FIRST in applied  # then the baseline is recorded at the end
    migrations = to_apply([*(schema.takeover if old else []), *schema.migrations], {} if old else applied)
    names = [migration.name for migration in migrations if migration.name not in applied]
    return names + [file.name for file in schema.functions.values() if functions.get(file.name) != file.checksum]


def newest_migration(conn: psycopg.Connection) -> str | None:
    row = conn.execute(SQL["newest_migration"]).fetchone()
    return str(row[0]) if row else None


def to_apply(wanted: Sequence[File], applied: dict[str, str]) -> list[File]:
    """The migrations to apply. Raises MigrationError if an applied one was changed: its tables would be unknown."""
    for migration in wanted:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"{migration.name} was changed after it was applied: restore it and add a new file instead"
            )
    return [migration for migration in wanted if migration.name not in applied]


def _read(folder: Path) -> list[File]:
    files = [(path.stem, path.read_bytes()) for path in sorted(folder.glob("*.sql"))]
    return [File(name, data.decode("utf-8"), hashlib.sha256(data).hexdigest()) for name, data in files]


def _applied(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(SQL["list_schema_migrations"]).fetchall())


def _applied_functions(conn: psycopg.Connection) -> dict[str, str]:
    return dict(conn.execute(SQL["list_schema_functions"]).fetchall())


def _table_exists(conn: psycopg.Connection, name: str) -> bool:
    row = conn.execute(SQL["table_exists"], {"name": name}).fetchone()
    return bool(row and row[0])


def _lock(conn: psycopg.Connection) -> None:
    # Polls: a session that blocks on the lock would hold a snapshot, and a concurrent index build waits for every snapshot.
    deadline = time.monotonic() + LOCK_DEADLINE_SECONDS
    while True:
        row = conn.execute(SQL["try_migration_lock"]).fetchone()
        if row and row[0]:
            return
        if time.monotonic() > deadline:
            raise MigrationError("another migration has been running for two minutes: look for it in pg_stat_activity")
        time.sleep(LOCK_POLL_SECONDS)


def _take_over(conn: psycopg.Connection, schema: Schema, applied: dict[str, str]) -> list[str]:
    if OLD_LAST not in applied:
        raise MigrationError(f"this database is older than {OLD_LAST}: migrate it with the version that made it first")
    steps = [step for step in schema.takeover if step.name not in applied]
    for step in steps:
        _apply(conn, step, schema)
    # From here on the database counts as made from the baseline.
    with conn.transaction():
        conn.execute(SQL["delete_schema_migrations"], {"names": list(_applied(conn))})
        _record(conn, next(migration for migration in schema.migrations if migration.name == BASELINE))
    return [step.name for step in steps]


def _apply(conn: psycopg.Connection, migration: File, schema: Schema) -> list[str]:
    created: list[str] = []
    try:
        with conn.transaction():
            conn.execute(SQL["defer_body_checks"])  # a trigger function names tables that come after it
            texts = NEEDS.split(migration.text)
            conn.execute(texts[0].encode())
            for names, text in zip(texts[1::2], texts[2::2], strict=True):
                created += _put_changed(conn, [schema.functions[name] for name in names.split(", ")])
                conn.execute(text.encode())
            _record(conn, migration)
    except psycopg.errors.UndefinedObject as error:
        if "role" in (error.diag.message_primary or ""):
            raise MigrationError("the roles are missing: run db/bootstrap.sql as a superuser first") from None
        raise
    return created


def _record(conn: psycopg.Connection, migration: File) -> None:
    conn.execute(SQL["insert_schema_migration"], {"name": migration.name, "checksum": migration.checksum})


def _drop_others(conn: psycopg.Connection, schema: Schema) -> list[str]:
    others = sorted(_applied_functions(conn).keys() - schema.functions.keys())
    for name in others:
        _drop(conn, _signatures(conn, name))
        conn.execute(SQL["delete_schema_function"], {"name": name})
    return others


def _put_changed(conn: psycopg.Connection, functions: Iterable[File]) -> list[str]:
    applied = _applied_functions(conn)
    changed = [function for function in functions if applied.get(function.name) != function.checksum]
    for function in changed:
        _put(conn, function)
        conn.execute(SQL["upsert_schema_function"], {"name": function.name, "checksum": function.checksum})
    return [function.name for function in changed]


def _put(conn: psycopg.Connection, function: File) -> None:
    before = _signatures(conn, function.name)
    try:
        with conn.transaction():
            conn.execute(function.text.encode())
    except psycopg.errors.InvalidFunctionDefinition:
        # Other columns, or another name of a parameter: PostgreSQL replaces such a function only after a drop.
        _drop(conn, before)
        conn.execute(function.text.encode())
    _leave_role(conn)
    # Other types of parameters make a second function; the first one must not stay beside it.
    if (after := _signatures(conn, function.name)) != before and len(after) > 1:
        _drop(conn, before)


def _signatures(conn: psycopg.Connection, name: str) -> list[tuple[LiteralString, str]]:
    return conn.execute(SQL["list_signatures"], {"name": name}).fetchall()


def _drop(conn: psycopg.Connection, signatures: Iterable[tuple[LiteralString, str]]) -> None:
    for signature, owner in signatures:
        conn.execute(Text("SET LOCAL ROLE {}").format(Identifier(owner)))
        conn.execute(Text("DROP FUNCTION {}").format(Text(signature)))
        _leave_role(conn)


def _leave_role(conn: psycopg.Connection) -> None:
    conn.execute(SQL["reset_role"])
