"""What a backup needs to know of a database: tables and rows in one snapshot, and privileges on the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import Connection, IsolationLevel
from psycopg.sql import SQL as Text
from psycopg.sql import Composed, Identifier

from db.core.installation import APP, OWNER, SYSTEM
from db.core.sql import queries

SQL = queries(__file__)
PRIVILEGES: dict[str, LiteralString] = {"CONNECT": "CONNECT", "CREATE": "CREATE", "TEMPORARY": "TEMPORARY"}


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is schema and table as pg_dump writes them."""

    schema: str
    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Grant:
    """One privilege on the whole database. An empty `role` is PUBLIC."""

    role: str
    privilege: str


def may_see_all_rows(conn: Connection) -> bool:
    return bool(_value(conn, SQL["may_see_all_rows"]))


def is_superuser(conn: Connection) -> bool:
    return bool(_value(conn, SQL["is_superuser"]))


@contextmanager
def snapshot(conn: Connection) -> Iterator[str]:
    """A read-only transaction; yields the name under which others import its snapshot."""
    conn.isolation_level, conn.read_only = IsolationLevel.REPEATABLE_READ, True
    with conn.transaction():
        conn.execute(SQL["lift_timeouts"])
        yield str(_value(conn, SQL["export_snapshot"]))


def list_tables(conn: Connection) -> list[Table]:
    return [Table(*row) for row in conn.execute(SQL["list_tables"]).fetchall()]


def count_rows(conn: Connection, on_table: Callable[[str], None] = lambda _name: None) -> dict[str, int]:
    """Rows by table. Calls `on_table` with each table's name before counting it."""
    counted = {}
    for table in list_tables(conn):
        on_table(table.name)
        counted[table.name] = int(_value(conn, _filled(SQL["count_rows"], table=Identifier(table.schema, table.table))))
    return counted


def list_database_grants(conn: Connection) -> list[Grant]:
    return [Grant(*row) for row in conn.execute(SQL["list_database_grants"]).fetchall()]


def set_database_grants(conn: Connection, name: str, grants: Sequence[Grant]) -> None:
    """Give PUBLIC and our roles exactly the privileges in `grants`. Grants to unknown roles are left out."""
    database = Identifier(name)
    ours = ["", *existing_roles(conn, [OWNER, APP, SYSTEM, *(grant.role for grant in grants if grant.role)])]
    with conn.transaction():
        for role in ours:
            if role != OWNER:  # its privileges come with ownership
                conn.execute(_filled(SQL["revoke_database"], database=database, role=_role(role)))
        for grant in grants:
            if grant.role in ours:
                privilege = Text(PRIVILEGES[grant.privilege])
                conn.execute(
                    _filled(SQL["grant_database"], privilege=privilege, database=database, role=_role(grant.role))
                )


def _role(name: str) -> Identifier | Text:
    return Identifier(name) if name else Text("PUBLIC")


def existing_roles(conn: Connection, names: Sequence[str]) -> set[str]:
    return {row[0] for row in conn.execute(SQL["list_roles"], {"names": list(names)}).fetchall()}


def count_sessions(conn: Connection, name: str) -> int:
    return int(_value(conn, SQL["count_sessions"], {"name": name}))


def swap_databases(conn: Connection, name: str, new: str, old: str) -> None:
    """Rename `name` to `old` and `new` to `name`, in one transaction. Ends the sessions on `name`.

    Needs a superuser that is connected to another database.
    """
    _allow_connections(conn, name, Text("false"))
    now_called = name
    try:
        conn.execute(SQL["end_sessions"], {"name": name})
        with conn.transaction():
            for before, after in ((name, old), (new, name)):
                conn.execute(_filled(SQL["rename_database"], database=Identifier(before), name=Identifier(after)))
        now_called = old
    finally:
        _allow_connections(conn, now_called, Text("true"))


def _allow_connections(conn: Connection, name: str, allowed: Text) -> None:
    conn.execute(_filled(SQL["allow_connections"], database=Identifier(name), allowed=allowed))


def drop_database(conn: Connection, name: str) -> None:
    conn.execute(_filled(SQL["drop_database"], database=Identifier(name)))


def analyze(conn: Connection) -> None:
    conn.execute(SQL["analyze"])


def _filled(text: LiteralString, **parts: Identifier | Text) -> Composed:
    return Text(text).format(**parts)


def _value(conn: Connection, query: LiteralString | Composed, parameters: dict[str, Any] | None = None) -> Any:
    row = conn.execute(query, parameters).fetchone()
    return row[0] if row else None
