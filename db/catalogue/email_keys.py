"""The keys under which customers' addresses were hashed."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def count_email_keys(conn: Connection, store_id: UUID) -> dict[str | None, int]:
    return dict(conn.execute(SQL["count_email_keys"], {"store_id": store_id}).fetchall())
