"""Mappings: which product of the shop is which product of the ERP, and what the shop was seen to have of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries
from db.outbound.erp_products import GroupHashes

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Figures:
    """The prices and the stock that the shop was seen to have; brakes weigh changes against them.

    `sale_price` counts from `sale_from` to `sale_to`. `stock` is None if the shop sells the product without counting it.
    """

    regular_price: Decimal | None = None
    sale_price: Decimal | None = None
    sale_from: datetime | None = None
    sale_to: datetime | None = None
    stock: int | None = None


class FieldDifference(msgspec.Struct, frozen=True):
    """A field in which the shop's product differed when it was last read, with both values cut to a readable length.

    `digest` identifies the shop's whole value; `since` is when the shop was first seen to have it. `was_sent`: the shop
    took the value and kept its own.
    """

    ours: Any
    theirs: Any
    digest: str
    since: datetime
    was_sent: bool = False


Differences = Mapping[str, FieldDifference]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping as it is stored.

    `status` is adopted until all fields of a product that the shop had before were sent or agree. `sent_sale_price` is the
    sale price that we last set, which tells a merchant's own offer. `rejected_hashes`: values that a person rejected.
    `taken_off` is what the shop had, by field, before we took a discontinued product off sale. `wc_parent_id` is the product
    whose variation it is, None for a product.
    """

    wc_product_id: int
    status: str = "synced"
    figures: Figures = Figures()
    sent_sale_price: Decimal | None = None
    image_hash: str | None = None
    seen_hashes: GroupHashes = field(default_factory=dict)
    rejected_hashes: GroupHashes = field(default_factory=dict)
    differences: Differences = field(default_factory=dict)
    looked_at: datetime | None = None
    taken_off: Mapping[str, Any] | None = None
    wc_parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one reading of the shop's product showed, to be saved with its mapping.

    `fields` were compared, of which `differences` differ; `looked_hashes` are of the ERP's values in these groups, and
    `seen_hashes` of the groups that agree. `is_whole`: all fields were compared.
    """

    wc_product_id: int
    wc_parent_id: int | None
    status: str
    figures: Figures
    sent_sale_price: Decimal | None
    image_hash: str | None
    fields: Sequence[str]
    looked_hashes: GroupHashes
    seen_hashes: GroupHashes
    differences: Differences
    is_whole: bool
    is_gone: bool = False  # in the trash, or deleted


@dataclass(frozen=True, slots=True)
class ProductLook:
    """A look at the product of a mapping. `id` is used for a new mapping."""

    id: UUID
    product_id: UUID
    look: Look


@dataclass(frozen=True, slots=True)
class MappingView:
    """One mapping as its tenant may see it; without WooCommerce's id if the shop never got the product.

    `wc_parent_id` is the product whose variation it is. `in_sync`: each field group was last seen to be as the ERP states it
    now. `seen_at`: when all were last compared.
    """

    internal_product_id: UUID
    sku: str | None
    wc_product_id: int | None
    wc_parent_id: int | None
    last_synced: datetime | None
    sync_status: str
    error_message: str | None
    created_at: datetime | None
    updated_at: datetime | None
    in_sync: bool
    seen_at: datetime | None
    differences: Differences


def get_mappings(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> dict[UUID, Mapped]:
    rows = conn.execute(SQL["get_mappings"], {"store_id": store_id, "product_ids": list(product_ids)}).fetchall()
    return {row[0]: _mapped(row[1:]) for row in rows}


def _mapped(row: tuple[Any, ...]) -> Mapped:
    # The query has the columns in the order of the record.
    differences = msgspec.convert(row[11], dict[str, FieldDifference])
    return Mapped(row[0], row[1], Figures(*row[2:7]), row[7], row[8], row[9], row[10], differences, *row[12:])


def save_looks(conn: Connection, store_id: UUID, looks: Sequence[ProductLook]) -> None:
    """Upsert. What a look did not compare stays as it was seen before."""
    if not looks:
        return
    found = [one.look for one in looks]
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in looks],
        "product_ids": [one.product_id for one in looks],
        "wc_ids": [look.wc_product_id for look in found],
        "wc_parent_ids": [look.wc_parent_id for look in found],
        "statuses": [look.status for look in found],
        "regular_prices": [look.figures.regular_price for look in found],
        "sale_prices": [look.figures.sale_price for look in found],
        "sale_froms": [look.figures.sale_from for look in found],
        "sale_tos": [look.figures.sale_to for look in found],
        "stocks": [look.figures.stock for look in found],
        "sent_sales": [look.sent_sale_price for look in found],
        "image_hashes": [look.image_hash for look in found],
        "fields": [Jsonb(list(look.fields)) for look in found],
        "looked_hashes": [Jsonb(dict(look.looked_hashes)) for look in found],
        "seen_hashes": [Jsonb(dict(look.seen_hashes)) for look in found],
        "differences": [Jsonb(msgspec.to_builtins(dict(look.differences))) for look in found],
        "are_whole": [look.is_whole for look in found],
    }
    conn.execute(SQL["save_looks"], parameters)


def forget_seen_groups(conn: Connection, store_id: UUID, groups: Sequence[tuple[UUID, str]]) -> None:
    """`groups`: a product and one of its field groups, of which the shop may have the old or the new values."""
    conn.execute(SQL["forget_seen_groups"], _by_product(store_id, groups, "groups"))


def get_owners(conn: Connection, store_id: UUID, wc_ids: Sequence[int]) -> dict[int, UUID]:
    rows = conn.execute(SQL["get_owners"], {"store_id": store_id, "wc_ids": list(wc_ids)}).fetchall()
    return {row[0]: row[1] for row in rows}


def list_mapped_variations(conn: Connection, store_id: UUID, wc_parent_ids: Sequence[int]) -> dict[int, int]:
    """The mapped variations of these products of the shop, each with its product."""
    parameters = {"store_id": store_id, "wc_parent_ids": list(wc_parent_ids)}
    return dict(conn.execute(SQL["list_mapped_variations"], parameters).fetchall())


def mark_mappings_failed(conn: Connection, store_id: UUID, failures: Sequence[tuple[UUID, str]]) -> None:
    conn.execute(SQL["mark_mappings_failed"], _by_product(store_id, failures, "messages"))


def reject_groups(conn: Connection, store_id: UUID, groups: Sequence[tuple[UUID, str]]) -> None:
    """A person rejected the ERP's present values of these field groups: they are not sent until they change."""
    conn.execute(SQL["reject_groups"], _by_product(store_id, groups, "groups"))


def forget_rejections(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["forget_rejections"], {"store_id": store_id, "product_ids": list(product_ids)})


def delete_mappings(conn: Connection, store_id: UUID, gone: Sequence[tuple[UUID, int]]) -> None:
    conn.execute(SQL["delete_mappings"], _by_product(store_id, gone, "wc_ids"))


def _by_product(store_id: UUID, pairs: Sequence[tuple[UUID, object]], name: str) -> dict[str, object]:
    return {
        "store_id": store_id,
        "product_ids": [product_id for product_id, _ in pairs],
        name: [said for _, said in pairs],
    }


def get_mapping(conn: Connection, store_id: UUID, product_id: UUID) -> MappingView | None:
    row = conn.execute(SQL["get_mapping"], {"store_id": store_id, "product_id": product_id}).fetchone()
    return None if row is None else _view(row)


def list_mappings(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[MappingView]:
    rows = conn.execute(SQL["list_mappings"], {"store_id": store_id, "after": after, "most": most}).fetchall()
    return [_view(row) for row in rows]


def _view(row: tuple[Any, ...]) -> MappingView:
    values: list[Any] = [*row[:-1], msgspec.convert(row[-1], dict[str, FieldDifference])]
    return MappingView(*values)


def list_out_of_sync(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[MappingView]:
    rows = conn.execute(SQL["list_out_of_sync"], {"store_id": store_id, "after": after, "most": most}).fetchall()
    return [_view(row) for row in rows]


def count_mappings(conn: Connection, store_id: UUID) -> tuple[int, int]:
    row = conn.execute(SQL["count_mappings"], {"store_id": store_id}).fetchone()
    return (row[0], row[1]) if row else (0, 0)
