"""The storage that each store takes, measured from samples."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def measure_storage(conn: Connection, most_blocks: int, pause: timedelta) -> int | None:
    """Measure all stores; returns how many, or None if it was done within `pause` or runs now."""
    row = conn.execute(SQL["measure_storage"], {"most_blocks": most_blocks, "pause": pause}).fetchone()
    return None if row is None or row[0] is None else int(row[0])


def list_full_stores(conn: Connection, most_bytes: int) -> list[UUID]:
    return [row[0] for row in conn.execute(SQL["list_full_stores"], {"most_bytes": most_bytes}).fetchall()]
