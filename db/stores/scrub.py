"""Removes deleted rows from the database's files: free space in pages, statistics, the write-ahead log."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def has_older_transactions(conn: Connection, before: datetime) -> bool:
    row = conn.execute(SQL["has_older_transactions"], {"before": before}).fetchone()
    return bool(row and row[0])


def rewrite_tables(conn: Connection) -> None:
    """Rewrite all tables, indexes and statistics. Needs the database's owner or a superuser, and autocommit."""
    conn.execute(SQL["analyze_all"])
    conn.execute(SQL["vacuum_full"])


def forget_wal(conn: Connection) -> None:
    """Remove everything written before now from the write-ahead log. Needs a superuser and autocommit."""
    _set(conn, SQL["keep_no_wal"])
    try:
        row = conn.execute(SQL["count_wal_ahead"]).fetchone()
        ahead = int(row[0]) if row else 0  # segments of before under a name to come: they go once that turn has passed
        for _ in range(2 + ahead):  # the first one may have begun before the settings were read
            conn.execute(SQL["switch_wal"])
            conn.execute(SQL["checkpoint"])
    finally:
        _set(conn, SQL["keep_wal"])


def _set(conn: Connection, setting: LiteralString) -> None:
    conn.execute(setting)
    conn.execute(SQL["reload_settings"])
