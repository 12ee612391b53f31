"""Isolation of stores: every statement on a store's data runs inside `tenant(conn, store_id)`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


@contextmanager
def tenant(conn: Connection, store_id: UUID) -> Iterator[None]:
    """One transaction that sees and writes the rows of one store only; it commits when the block ends.

    The setting that row-level security reads is local to the transaction, so a pooled connection (or one behind
    PgBouncer) carries nothing over to its next user.
    """
    with conn.transaction():
        conn.execute(SQL["set_tenant"], {"store_id": str(store_id)})
        yield
