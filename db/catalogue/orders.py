"""Orders and their lines: written set-wise, lines replaced as a whole, references resolved from either side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.catalogue.customers import get_customer_ids
from db.catalogue.products import get_product_ids
from db.catalogue.staged_upsert import (
    StoredVersion,
    Write,
    copy_rows,
    link,
    lock_shared,
    read_versions,
    touch_versions,
    write_staged,
)
from db.core.sql import Platform, by_platform, queries
from schemas.records.shop import Order

SQL = queries(__file__)
KEYED = by_platform(SQL, "order")
Ids = Mapping[int | None, UUID]


def get_order_versions(
    conn: Connection, store_id: UUID, keys: Sequence[int], platform: Platform = "woocommerce"
) -> dict[int, StoredVersion]:
    return read_versions(conn, KEYED[platform]["get_order_versions"], store_id, keys)


def touch_orders(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    rows: Sequence[tuple[int, datetime]],
    platform: Platform = "woocommerce",
) -> None:
    touch_versions(conn, KEYED[platform]["touch_orders"], store_id, accepted_seq, rows)


def upsert_orders(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    writes: Sequence[Write[Order]],
    platform: Platform = "woocommerce",
) -> None:
    """Write orders with their lines. Raises ConcurrentChange where the plan no longer fits."""
    lock_shared(conn, store_id, "products")
    lock_shared(conn, store_id, "customers")
    orders = [write.versioned.record for write in writes]
    customers = get_customer_ids(conn, store_id, (order.wc_customer_id for order in orders), platform)
    products = get_product_ids(
        conn, store_id, (item.wc_product_id for order in orders for item in order.items), platform
    )
    conn.execute(SQL["create_order_stage"])
    copy_rows(conn, SQL["copy_order_stage"], _order_rows(writes, accepted_seq, customers))
    write_staged(conn, KEYED[platform]["upsert_orders"], store_id, writes)
    _replace_items(conn, store_id, writes, products)


def _replace_items(conn: Connection, store_id: UUID, writes: Sequence[Write[Order]], products: Ids) -> None:
    known = [write.id for write in writes if not write.is_new]
    if known:
        conn.execute(SQL["delete_order_items"], {"store_id": store_id, "order_ids": known})
    conn.execute(SQL["create_item_stage"])
    copy_rows(conn, SQL["copy_item_stage"], _item_rows(writes, products))
    conn.execute(SQL["insert_order_items"], {"store_id": store_id})


def _order_rows(writes: Sequence[Write[Order]], accepted_seq: int, customers: Ids) -> Iterator[tuple[Any, ...]]:
    for write in writes:
        order = write.versioned.record
        yield (
            write.id,
            order.wc_order_id,
            order.date_created,
            order.date_modified,
            order.status,
            order.total,
            order.subtotal,
            order.tax_total,
            order.shipping_total,
            order.discount_total,
            order.currency,
            order.wc_customer_id,
            customers.get(order.wc_customer_id),
            order.payment_method,
            order.coupon_used,
            write.versioned.source_updated_at,
            accepted_seq,
            write.versioned.content_hash,
        )


def _item_rows(writes: Sequence[Write[Order]], products: Ids) -> Iterator[tuple[Any, ...]]:
    for write in writes:
        for position, item in enumerate(write.versioned.record.items):
            yield (
                write.id,
                position,
                item.product_name,
                item.sku,
                item.quantity,
                item.subtotal,
                item.total,
                item.wc_product_id,
                products.get(item.wc_product_id),
            )


def link_orders(conn: Connection, store_id: UUID, customers: Sequence[Write[Any]]) -> None:
    """Give orders that came before their customers the customers' ids."""
    link(conn, SQL["link_orders"], store_id, customers)


def link_order_items(conn: Connection, store_id: UUID, products: Sequence[Write[Any]]) -> None:
    """Give lines that came before their products the products' ids."""
    link(conn, SQL["link_order_items"], store_id, products)
