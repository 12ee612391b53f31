"""Settings of one transaction."""

from __future__ import annotations

from psycopg import Connection

from db.sql import queries

SQL = queries("session")


def set_asynchronous_commit(conn: Connection) -> None:
    """Let this transaction's commit return before it is on disk: for facts that may be lost with a crash."""
    conn.execute(SQL["set_asynchronous_commit"])
