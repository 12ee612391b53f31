"""What concerns a session or one transaction, not a table."""

from __future__ import annotations

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def set_asynchronous_commit(conn: Connection) -> None:
    """Let this transaction's commit return before it is on disk: for facts that may be lost with a crash."""
    conn.execute(SQL["set_asynchronous_commit"])


def limit_statements(conn: Connection, seconds: float) -> None:
    """End every statement of this transaction that takes longer, with QueryCanceled."""
    conn.execute(SQL["limit_statements"], {"milliseconds": f"{seconds * 1000:.0f}"})


def discard_plans(conn: Connection) -> None:
    """Have every statement planned anew at its next use, the checks of foreign keys too; they stay prepared."""
    conn.execute(SQL["discard_plans"])


def prefer_index_order(conn: Connection) -> None:
    """Have what this transaction plans read in the order of an index rather than read all and sort."""
    conn.execute(SQL["prefer_index_order"])
