"""The ERP's products as it last sent them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries
from schemas.records.erp import DISCONTINUED_POLICIES, ErpProduct

SQL = queries(__file__)
GroupHashes = Mapping[str, str]
IMAGES, CATEGORIES, STATED, ATTRIBUTES, HASHES = 10, 11, 14, 16, 17  # places in a row of get_products


@dataclass(frozen=True, slots=True)
class ProductState:
    """What a newer record of the product is compared with."""

    version: int | None
    allow_manual_woocommerce_offers: bool
    group_hashes: GroupHashes


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product with a hash per field group. `create_begun`: a call may have created it in the shop.

    `discontinued` is the store's policy for it if the ERP has discontinued it. `wc_parent_id` is the shop's product of its
    parent, None if that is not mapped. `options` are those of its variations, by attribute: with them it is a variable product.
    """

    product: ErpProduct
    group_hashes: GroupHashes
    create_begun: bool
    discontinued: str | None = None
    wc_parent_id: int | None = None
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)


def lock_catalogue(conn: Connection, store_id: UUID) -> None:
    conn.execute(SQL["lock_catalogue"], {"store_id": store_id})


def get_product_states(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, ProductState]:
    rows = conn.execute(SQL["get_product_states"], {"store_id": store_id, "product_ids": list(product_ids)}).fetchall()
    return {row[0]: ProductState(*row[1:]) for row in rows}


def upsert_erp_products(conn: Connection, store_id: UUID, rows: Sequence[tuple[ErpProduct, GroupHashes]]) -> None:
    """Write products in the order of their ids. Needs `lock_catalogue`; the caller has dropped stale ones."""
    if not rows:
        return
    in_order = sorted(rows, key=lambda row: row[0].product_id)
    with conn.cursor() as cursor:
        cursor.executemany(SQL["upsert_erp_product"], [_parameters(store_id, *row) for row in in_order])


def _parameters(store_id: UUID, product: ErpProduct, hashes: GroupHashes) -> dict[str, object]:
    lists = {
        "image_urls": list(product.image_urls),
        "category_ids": list(product.category_ids),
        "stated_fields": list(product.stated_fields),
        "attributes": Jsonb(dict(product.attributes)),
    }
    return {**asdict(product), **lists, "store_id": store_id, "group_hashes": Jsonb(dict(hashes))}


def get_products(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, StoredProduct]:
    parameters = {"store_id": store_id, "product_ids": list(product_ids), "policy": DISCONTINUED_POLICIES[0]}
    rows = conn.execute(SQL["get_products"], parameters).fetchall()
    return {row[0]: _stored(row) for row in rows}


def _stored(row: tuple[Any, ...]) -> StoredProduct:
    # The query has the columns in the order of the record; arrays come as lists.
    lists = tuple(row[IMAGES]), tuple(row[CATEGORIES])
    attributes = tuple(sorted(row[ATTRIBUTES].items()))
    values = (*row[:IMAGES], *lists, *row[CATEGORIES + 1 : STATED], tuple(row[STATED]), row[STATED + 1], attributes)
    return StoredProduct(ErpProduct(*values), row[HASHES], *row[HASHES + 1 :])


def mark_create_begun(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["mark_create_begun"], {"store_id": store_id, "product_ids": list(product_ids)})


def forget_create_begun(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["forget_create_begun"], {"store_id": store_id, "product_ids": list(product_ids)})


def list_product_ids(conn: Connection, store_id: UUID) -> list[UUID]:
    return [row[0] for row in conn.execute(SQL["list_product_ids"], {"store_id": store_id}).fetchall()]


def page_products(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[UUID]:
    rows = conn.execute(SQL["page_products"], {"store_id": store_id, "after": after, "most": most}).fetchall()
    return [row[0] for row in rows]


def list_products_in(conn: Connection, store_id: UUID, category_ids: Sequence[UUID]) -> list[UUID]:
    parameters = {"store_id": store_id, "category_ids": list(category_ids)}
    return [row[0] for row in conn.execute(SQL["list_products_in"], parameters).fetchall()]


def list_unmapped_variations(conn: Connection, store_id: UUID, parent_ids: Sequence[UUID]) -> list[UUID]:
    parameters = {"store_id": store_id, "parent_ids": list(parent_ids)}
    return [row[0] for row in conn.execute(SQL["list_unmapped_variations"], parameters).fetchall()]


def count_erp_products(conn: Connection, store_id: UUID) -> int:
    row = conn.execute(SQL["count_erp_products"], {"store_id": store_id}).fetchone()
    return int(row[0]) if row else 0
