"""Categories: written set-wise; parents are resolved within the batch, from what is stored, and from what comes later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.catalogue.staged_upsert import (
    StoredVersion,
    Write,
    copy_rows,
    link,
    lock_exclusive,
    read_ids,
    read_versions,
    touch_versions,
    write_staged,
)
from db.core.sql import queries
from schemas.records.shop import Category

SQL = queries(__file__)


def get_category_versions(conn: Connection, store_id: UUID, keys: Sequence[int]) -> dict[int, StoredVersion]:
    return read_versions(conn, SQL["get_category_versions"], store_id, keys)


def get_category_ids(conn: Connection, store_id: UUID, keys: Iterable[int | None]) -> dict[int | None, UUID]:
    """The ids of those categories that are stored."""
    return read_ids(conn, SQL["get_category_ids"], store_id, keys)


def touch_categories(conn: Connection, store_id: UUID, accepted_seq: int, rows: Sequence[tuple[int, datetime]]) -> None:
    touch_versions(conn, SQL["touch_categories"], store_id, accepted_seq, rows)


def upsert_categories(conn: Connection, store_id: UUID, accepted_seq: int, writes: Sequence[Write[Category]]) -> None:
    """Write categories; what waited for them is linked by `link_categories` and `link_products`.

    Raises ConcurrentChange where the plan no longer fits.
    """
    if any(write.is_new for write in writes):
        lock_exclusive(conn, store_id, "categories")
    parents = get_category_ids(conn, store_id, (write.versioned.record.wc_parent_id for write in writes))
    conn.execute(SQL["create_category_stage"])
    copy_rows(conn, SQL["copy_category_stage"], _rows(writes, accepted_seq, parents))
    write_staged(conn, SQL["upsert_categories"], store_id, writes)


def _rows(
    writes: Sequence[Write[Category]], accepted_seq: int, parents: Mapping[int | None, UUID]
) -> Iterator[tuple[Any, ...]]:
    for write in writes:
        category = write.versioned.record
        yield (
            write.id,
            category.wc_category_id,
            category.name,
            category.wc_parent_id,
            parents.get(category.wc_parent_id),
            category.product_count,
            write.versioned.source_updated_at,
            accepted_seq,
            write.versioned.content_hash,
        )


def link_categories(conn: Connection, store_id: UUID, parents: Sequence[Write[Any]]) -> None:
    """Give children that came before their parents the parents' ids."""
    link(conn, SQL["link_categories"], store_id, parents)
