"""Tenants: one row of `stores` each, seen only inside its own wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Store:
    """What may be shown of a store. Its credentials are read by `get_credentials` alone."""

    id: UUID
    name: str
    platform: str
    shop_url: str | None
    has_credentials: bool
    last_sync_at: datetime | None
    created_at: datetime


def insert_store(conn: Connection, store_id: UUID, name: str, platform: str, shop_url: str | None) -> None:
    """Create the tenant whose wall the transaction already stands in."""
    conn.execute(SQL["insert_store"], {"store_id": store_id, "name": name, "platform": platform, "shop_url": shop_url})


def get_store(conn: Connection, store_id: UUID) -> Store | None:
    with conn.cursor(row_factory=class_row(Store)) as cursor:
        return cursor.execute(SQL["get_store"], {"store_id": store_id}).fetchone()


def list_store_ids(conn: Connection) -> list[UUID]:
    """The ids of all stores; their facts are read one by one."""
    return [row[0] for row in conn.execute(SQL["list_store_ids"]).fetchall()]


def set_credentials(conn: Connection, store_id: UUID, encrypted: bytes) -> bool:
    """Replace the encrypted credentials; False where there is no such store."""
    return conn.execute(SQL["set_credentials"], {"store_id": store_id, "credentials": encrypted}).rowcount == 1


def replace_credentials(conn: Connection, store_id: UUID, known: bytes, encrypted: bytes) -> bool:
    """Put others in the place of those that are known; False where they are not there any more."""
    parameters = {"store_id": store_id, "known": known, "credentials": encrypted}
    return conn.execute(SQL["replace_credentials"], parameters).rowcount == 1


def get_credentials(conn: Connection, store_id: UUID) -> bytes | None:
    row = conn.execute(SQL["get_credentials"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def mark_store_synced(conn: Connection, store_id: UUID) -> None:
    """Note the success of a log, in the log's own transaction and as its last statement: the row is a meeting point."""
    conn.execute(SQL["mark_store_synced"], {"store_id": store_id})


def stop_store(conn: Connection, store_id: UUID) -> None:
    """End what runs for a tenant that is about to be erased. Raises LockNotAvailable where a batch takes too long."""
    conn.execute(SQL["stop_store"], {"store_id": store_id})


def erase_rows(conn: Connection, store_id: UUID, most: int) -> int:
    """Delete at most `most` rows of the first table that still has any of this tenant; returns how many, 0 at the end."""
    for query in ERASE_ORDER:
        gone = conn.execute(SQL[query], {"store_id": store_id, "most": most}).rowcount
        if gone:
            return gone
    return 0


def delete_store(conn: Connection, store_id: UUID, most: int) -> bool:
    """Delete what is left of a tenant, and the tenant; False where there is none. Nothing can be added meanwhile."""
    conn.execute(SQL["lock_store"], {"store_id": store_id})
    while erase_rows(conn, store_id, most):
        pass
    return conn.execute(SQL["delete_store"], {"store_id": store_id}).rowcount == 1


# Children before parents, so that no statement waits for a cascade's row-by-row checks. Tables that are not named hold a
# few rows, and go with the tenant's own.
ERASE_ORDER = (
    "erase_order_items",
    "erase_orders",
    "erase_customers",
    "erase_products",
    "erase_categories",
    "erase_sync_logs",
    "erase_stale_arrivals",
    "erase_sync_coverage",
    "erase_wc_sync_items",
    "erase_wc_product_sync_mappings",
    "erase_erp_products",
)
