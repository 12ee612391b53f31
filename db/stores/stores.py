"""Stores: one row each, visible only while that store is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import fill, queries
from schemas.records.entities import ENTITY_RECORDS

SQL = queries(__file__)


def _tables_of_records() -> Iterator[str]:
    for entity in reversed(ENTITY_RECORDS.values()):
        yield from (lines.table for lines in entity.lines)
        yield entity.name


# Children before parents, so that no statement waits for a cascade's row-by-row checks. Tables that are not named hold a
# few rows, and go with the tenant's own.
ERASE_ORDER = tuple(
    fill(SQL["erase_rows"], table=table)
    for table in (
        *_tables_of_records(),
        *("sync_logs", "stale_arrivals", "sync_coverage", "wc_sync_items", "wc_product_sync_mappings", "erp_products"),
    )
)


@dataclass(frozen=True, slots=True)
class Store:
    """What may be shown of a store. Only `get_credentials` reads its credentials."""

    id: UUID
    name: str
    platform: str
    shop_url: str | None
    has_credentials: bool
    last_sync_at: datetime | None
    created_at: datetime


def insert_store(conn: Connection, store_id: UUID, name: str, platform: str, shop_url: str | None) -> None:
    """Needs `tenant(conn, store_id)` with the id of the new store."""
    conn.execute(SQL["insert_store"], {"store_id": store_id, "name": name, "platform": platform, "shop_url": shop_url})


def get_store(conn: Connection, store_id: UUID) -> Store | None:
    with conn.cursor(row_factory=class_row(Store)) as cursor:
        return cursor.execute(SQL["get_store"], {"store_id": store_id}).fetchone()


def has_key_in_query(conn: Connection, store_id: UUID) -> bool:
    """Whether the shop's host drops the Authorization header, so that the key goes into the address."""
    row = conn.execute(SQL["has_key_in_query"], {"store_id": store_id}).fetchone()
    return bool(row and row[0])


def set_key_in_query(conn: Connection, store_id: UUID, *, is_in_query: bool) -> None:
    conn.execute(SQL["set_key_in_query"], {"store_id": store_id, "is_in_query": is_in_query})


def set_timezone(conn: Connection, store_id: UUID, timezone: str) -> bool:
    """The zone in which the views of `analytics` count days. False for an unknown zone or store."""
    return conn.execute(SQL["set_timezone"], {"store_id": store_id, "timezone": timezone}).rowcount == 1


def list_store_ids(conn: Connection) -> list[UUID]:
    return [row[0] for row in conn.execute(SQL["list_store_ids"]).fetchall()]


def set_credentials(conn: Connection, store_id: UUID, encrypted: bytes) -> bool:
    return conn.execute(SQL["set_credentials"], {"store_id": store_id, "credentials": encrypted}).rowcount == 1


def replace_credentials(conn: Connection, store_id: UUID, known: bytes, encrypted: bytes) -> bool:
    # Somebody may have set other credentials since `known` was read.
    parameters = {"store_id": store_id, "known": known, "credentials": encrypted}
    return conn.execute(SQL["replace_credentials"], parameters).rowcount == 1


def get_credentials(conn: Connection, store_id: UUID) -> bytes | None:
    row = conn.execute(SQL["get_credentials"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def mark_store_synced(conn: Connection, store_id: UUID) -> None:
    """Note a log's success. Call it last in the log's transaction: all logs of a store update this row."""
    conn.execute(SQL["mark_store_synced"], {"store_id": store_id})


def stop_store(conn: Connection, store_id: UUID) -> None:
    """End what runs for a store that is about to be erased. Raises LockNotAvailable if a batch takes too long."""
    conn.execute(SQL["stop_store"], {"store_id": store_id})


def erase_rows(conn: Connection, store_id: UUID, most: int) -> int:
    for query in ERASE_ORDER:
        gone = conn.execute(query, {"store_id": store_id, "most": most}).rowcount
        if gone:
            return gone
    return 0  # nothing of the store is left but its own row and small tables


def delete_store(conn: Connection, store_id: UUID, most: int) -> bool:
    """Delete what is left of a store; False if there is none. Blocks referrers until commit."""
    conn.execute(SQL["lock_store"], {"store_id": store_id})
    while erase_rows(conn, store_id, most):
        pass
    return conn.execute(SQL["delete_store"], {"store_id": store_id}).rowcount == 1
