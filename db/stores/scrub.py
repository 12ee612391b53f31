"""Removes from the database's files what was deleted from its tables: free room in pages, statistics, the write-ahead log."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def has_older_transactions(conn: Connection, before: datetime) -> bool:
    """Whether a transaction that began before that moment is still open: what it may see can't be removed."""
    row = conn.execute(SQL["has_older_transactions"], {"before": before}).fetchone()
    return bool(row and row[0])


def rewrite_tables(conn: Connection) -> None:
    """Write all tables, indexes and statistics anew. As the database's owner or a superuser, in autocommit."""
    conn.execute(SQL["analyze_all"])
    conn.execute(SQL["vacuum_full"])


def forget_wal(conn: Connection) -> None:
    """Leave nothing in the write-ahead log that was written before now. As a superuser, in autocommit."""
    _set(conn, SQL["keep_no_wal"])
    try:
        for _ in range(2):  # the first one may have begun before the settings were read
            conn.execute(SQL["switch_wal"])
            conn.execute(SQL["checkpoint"])
    finally:
        _set(conn, SQL["keep_wal"])


def _set(conn: Connection, setting: LiteralString) -> None:
    conn.execute(setting)
    conn.execute(SQL["reload_settings"])
