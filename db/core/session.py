"""Settings of a session or one transaction."""

from __future__ import annotations

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def set_asynchronous_commit(conn: Connection) -> None:
    """Let this transaction commit without waiting for the disk: for facts that may be lost in a crash."""
    conn.execute(SQL["set_asynchronous_commit"])


def limit_statements(conn: Connection, seconds: float) -> None:
    """Statements of this transaction that take longer raise QueryCanceled."""
    conn.execute(SQL["limit_statements"], {"milliseconds": f"{seconds * 1000:.0f}"})


def discard_plans(conn: Connection) -> None:
    """Plan every statement again at its next use, foreign key checks included. They stay prepared."""
    conn.execute(SQL["discard_plans"])


def prefer_index_order(conn: Connection) -> None:
    """Let plans of this transaction read an index in order instead of sorting all rows."""
    conn.execute(SQL["prefer_index_order"])
