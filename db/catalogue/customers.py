"""Customers: written set-wise; the e-mail address is a hash long before it gets here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.catalogue.staged_upsert import (
    StoredVersion,
    Write,
    copy_rows,
    lock_exclusive,
    read_ids,
    read_versions,
    touch_versions,
    write_staged,
)
from db.core.sql import Platform, by_platform, queries
from schemas.records.shop import Customer

SQL = queries(__file__)
KEYED = by_platform(SQL, "customer")


def get_customer_versions(
    conn: Connection, store_id: UUID, keys: Sequence[int], platform: Platform = "woocommerce"
) -> dict[int, StoredVersion]:
    return read_versions(conn, KEYED[platform]["get_customer_versions"], store_id, keys)


def get_customer_ids(
    conn: Connection, store_id: UUID, keys: Iterable[int | None], platform: Platform = "woocommerce"
) -> dict[int | None, UUID]:
    """The ids of those customers that are stored."""
    return read_ids(conn, KEYED[platform]["get_customer_ids"], store_id, keys)


def touch_customers(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    rows: Sequence[tuple[int, datetime]],
    platform: Platform = "woocommerce",
) -> None:
    touch_versions(conn, KEYED[platform]["touch_customers"], store_id, accepted_seq, rows)


def upsert_customers(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    writes: Sequence[Write[Customer]],
    platform: Platform = "woocommerce",
) -> None:
    """Write customers; orders that waited for them are linked by `link_orders`.

    Raises ConcurrentChange where the plan no longer fits.
    """
    if any(write.is_new for write in writes):
        lock_exclusive(conn, store_id, "customers")
    conn.execute(SQL["create_customer_stage"])
    copy_rows(conn, SQL["copy_customer_stage"], _rows(writes, accepted_seq))
    write_staged(conn, KEYED[platform]["upsert_customers"], store_id, writes)


def _rows(writes: Sequence[Write[Customer]], accepted_seq: int) -> Iterator[tuple[Any, ...]]:
    for write in writes:
        customer = write.versioned.record
        yield (
            write.id,
            customer.wc_customer_id,
            customer.email_hash,
            customer.display_name,
            customer.total_spent,
            customer.order_count,
            customer.first_order_date,
            customer.last_order_date,
            customer.created_at,
            write.versioned.source_updated_at,
            accepted_seq,
            write.versioned.content_hash,
        )
