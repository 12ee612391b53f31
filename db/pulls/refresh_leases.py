"""Leases to refresh a store's access token. A row holds the lease, not a session, because a call is made meanwhile."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def take_lease(conn: Connection, store_id: UUID, holder: UUID, seconds: float) -> bool:
    parameters = {"store_id": store_id, "holder": holder, "seconds": seconds}
    return conn.execute(SQL["take_lease"], parameters).fetchone() is not None


def release_lease(conn: Connection, store_id: UUID, holder: UUID) -> None:
    conn.execute(SQL["release_lease"], {"store_id": store_id, "holder": holder})
