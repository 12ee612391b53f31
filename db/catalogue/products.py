"""Products: written set-wise; their category is resolved from either side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.catalogue.categories import get_category_ids
from db.catalogue.staged_upsert import (
    StoredVersion,
    Write,
    copy_rows,
    link,
    lock_exclusive,
    lock_shared,
    read_ids,
    read_versions,
    touch_versions,
    write_staged,
)
from db.core.sql import Platform, by_platform, queries
from schemas.records.shop import Product

SQL = queries(__file__)
KEYED = by_platform(SQL, "product")


def get_product_versions(
    conn: Connection, store_id: UUID, keys: Sequence[int], platform: Platform = "woocommerce"
) -> dict[int, StoredVersion]:
    return read_versions(conn, KEYED[platform]["get_product_versions"], store_id, keys)


def get_product_ids(
    conn: Connection, store_id: UUID, keys: Iterable[int | None], platform: Platform = "woocommerce"
) -> dict[int | None, UUID]:
    """The ids of those products that are stored."""
    return read_ids(conn, KEYED[platform]["get_product_ids"], store_id, keys)


def touch_products(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    rows: Sequence[tuple[int, datetime]],
    platform: Platform = "woocommerce",
) -> None:
    touch_versions(conn, KEYED[platform]["touch_products"], store_id, accepted_seq, rows)


def upsert_products(
    conn: Connection,
    store_id: UUID,
    accepted_seq: int,
    writes: Sequence[Write[Product]],
    platform: Platform = "woocommerce",
) -> None:
    """Write products, and complete nothing else: lines that waited for them are linked by `link_order_items`.

    Raises ConcurrentChange where the plan no longer fits.
    """
    lock_shared(conn, store_id, "categories")
    if any(write.is_new for write in writes):
        lock_exclusive(conn, store_id, "products")
    categories = get_category_ids(conn, store_id, (write.versioned.record.wc_category_id for write in writes))
    conn.execute(SQL["create_product_stage"])
    copy_rows(conn, SQL["copy_product_stage"], _rows(writes, accepted_seq, categories))
    write_staged(conn, KEYED[platform]["upsert_products"], store_id, writes)


def _rows(
    writes: Sequence[Write[Product]], accepted_seq: int, categories: Mapping[int | None, UUID]
) -> Iterator[tuple[Any, ...]]:
    for write in writes:
        product = write.versioned.record
        yield (
            write.id,
            product.wc_product_id,
            product.name,
            product.sku,
            product.price,
            product.regular_price,
            product.sale_price,
            product.wc_category_id,
            categories.get(product.wc_category_id),
            product.category_name,
            product.stock_quantity,
            product.stock_status,
            product.status,
            product.type,
            product.created_at,
            product.updated_at,
            write.versioned.source_updated_at,
            accepted_seq,
            write.versioned.content_hash,
        )


def link_products(conn: Connection, store_id: UUID, categories: Sequence[Write[Any]]) -> None:
    """Give products that came before their categories the categories' ids."""
    link(conn, SQL["link_products"], store_id, categories)
