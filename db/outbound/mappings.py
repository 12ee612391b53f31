"""Mappings: which product of the shop is which product of the ERP, and what the shop last got from us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries
from db.outbound.erp_products import GroupHashes

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What the shop last got of a product: a hash per field group, and the figures that brakes and manual offers need.

    The figures of an adopted product are the shop's own. `stock` is None if the shop sells the product without counting it.
    """

    wc_product_id: int
    group_hashes: GroupHashes
    regular_price: Decimal | None
    sale_price: Decimal | None
    stock: int | None


@dataclass(frozen=True, slots=True)
class ProductMapping:
    """A mapping to save. `status`: synced, or adopted if the shop had the product before. `id` is used for a new mapping."""

    id: UUID
    product_id: UUID
    status: str
    sent: Sent


@dataclass(frozen=True, slots=True)
class MappingView:
    """One mapping as its tenant may see it; without WooCommerce's id if the shop never got the product."""

    internal_product_id: UUID
    sku: str | None
    wc_product_id: int | None
    last_synced: datetime | None
    sync_status: str
    error_message: str | None
    created_at: datetime | None
    updated_at: datetime | None
    in_sync: bool


def get_mappings(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, Sent]:
    rows = conn.execute(SQL["get_mappings"], {"store_id": store_id, "product_ids": list(product_ids)}).fetchall()
    return {row[0]: Sent(*row[1:]) for row in rows}


def save_mappings(conn: Connection, store_id: UUID, mappings: Sequence[ProductMapping]) -> None:
    """Upsert; the hashes are added to those of field groups that were sent before."""
    if not mappings:
        return
    parameters = {
        "store_id": store_id,
        "ids": [mapping.id for mapping in mappings],
        "product_ids": [mapping.product_id for mapping in mappings],
        "wc_ids": [mapping.sent.wc_product_id for mapping in mappings],
        "statuses": [mapping.status for mapping in mappings],
        "hashes": [Jsonb(dict(mapping.sent.group_hashes)) for mapping in mappings],
        "regular_prices": [mapping.sent.regular_price for mapping in mappings],
        "sale_prices": [mapping.sent.sale_price for mapping in mappings],
        "stocks": [mapping.sent.stock for mapping in mappings],
    }
    conn.execute(SQL["save_mappings"], parameters)


def forget_sent_groups(conn: Connection, store_id: UUID, groups: Sequence[tuple[UUID, str]]) -> None:
    """`groups`: a product and one of its field groups, of which the shop may have the old or the new values."""
    conn.execute(SQL["forget_sent_groups"], _by_product(store_id, groups, "groups"))


def get_owners(conn: Connection, store_id: UUID, wc_ids: Sequence[int]) -> dict[int, UUID]:
    rows = conn.execute(SQL["get_owners"], {"store_id": store_id, "wc_ids": list(wc_ids)}).fetchall()
    return {row[0]: row[1] for row in rows}


def mark_mappings_failed(conn: Connection, store_id: UUID, failures: Sequence[tuple[UUID, str]]) -> None:
    conn.execute(SQL["mark_mappings_failed"], _by_product(store_id, failures, "messages"))


def delete_mappings(conn: Connection, store_id: UUID, gone: Sequence[tuple[UUID, int]]) -> None:
    conn.execute(SQL["delete_mappings"], _by_product(store_id, gone, "wc_ids"))


def _by_product(store_id: UUID, pairs: Sequence[tuple[UUID, object]], name: str) -> dict[str, object]:
    return {
        "store_id": store_id,
        "product_ids": [product_id for product_id, _ in pairs],
        name: [said for _, said in pairs],
    }


def get_mapping(conn: Connection, store_id: UUID, product_id: UUID) -> MappingView | None:
    with conn.cursor(row_factory=class_row(MappingView)) as cursor:
        return cursor.execute(SQL["get_mapping"], {"store_id": store_id, "product_id": product_id}).fetchone()


def list_mappings(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[MappingView]:
    with conn.cursor(row_factory=class_row(MappingView)) as cursor:
        return cursor.execute(SQL["list_mappings"], {"store_id": store_id, "after": after, "most": most}).fetchall()


def list_drift(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[MappingView]:
    with conn.cursor(row_factory=class_row(MappingView)) as cursor:
        return cursor.execute(SQL["list_drift"], {"store_id": store_id, "after": after, "most": most}).fetchall()


def count_mappings(conn: Connection, store_id: UUID) -> tuple[int, int]:
    row = conn.execute(SQL["count_mappings"], {"store_id": store_id}).fetchone()
    return (row[0], row[1]) if row else (0, 0)
