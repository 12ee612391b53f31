"""The ERP's categories, each with WooCommerce's id once the shop has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from schemas.records.erp import ErpCategory

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class StoredCategory:
    """A category. `wc_category_id` is None if the shop has none; `sent_hash` is the hash of what the shop last got."""

    category_id: UUID
    name: str
    parent_id: UUID | None
    content_hash: str
    wc_category_id: int | None
    sent_hash: str | None


def get_category_states(
    conn: Connection, store_id: UUID, category_ids: Sequence[UUID]
) -> dict[UUID, tuple[int | None, str]]:
    parameters = {"store_id": store_id, "category_ids": list(category_ids)}
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["get_category_states"], parameters).fetchall()}


def upsert_erp_categories(conn: Connection, store_id: UUID, rows: Sequence[tuple[ErpCategory, str]]) -> None:
    parameters = [
        {
            "store_id": store_id,
            "category_id": category.category_id,
            "name": category.name,
            "parent_id": category.parent_id,
            "version": category.version,
            "content_hash": content_hash,
        }
        for category, content_hash in sorted(rows, key=lambda row: row[0].category_id)
    ]
    with conn.cursor() as cursor:
        cursor.executemany(SQL["upsert_erp_category"], parameters)


def list_erp_categories(conn: Connection, store_id: UUID) -> dict[UUID, StoredCategory]:
    with conn.cursor(row_factory=class_row(StoredCategory)) as cursor:
        rows = cursor.execute(SQL["list_erp_categories"], {"store_id": store_id}).fetchall()
    return {row.category_id: row for row in rows}


def save_sent_category(
    conn: Connection, store_id: UUID, category_id: UUID, wc_category_id: int, sent_hash: str | None
) -> None:
    parameters = {
        "store_id": store_id,
        "category_id": category_id,
        "wc_category_id": wc_category_id,
        "sent_hash": sent_hash,
    }
    conn.execute(SQL["save_sent_category"], parameters)


def forget_sent_categories(conn: Connection, store_id: UUID, category_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["forget_sent_categories"], {"store_id": store_id, "category_ids": list(category_ids)})
