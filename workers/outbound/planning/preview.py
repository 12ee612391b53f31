"""Dry runs: what a sync would change in the shop, field by field, or what a pull would read; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.erp_categories import StoredCategory, list_erp_categories
from db.outbound.erp_products import StoredProduct, get_products
from db.outbound.mappings import Sent, get_mappings
from db.sync.metadata import get_metadata
from schemas.platforms.woocommerce.orders import read_order
from schemas.records.erp import ErpProduct
from workers.outbound.planning.field_groups import requested_groups
from workers.outbound.planning.mapper import (
    Difference,
    Payload,
    PulledOrder,
    differences,
    from_woocommerce_order,
    keep_manual_offer,
    to_woocommerce_groups,
    to_woocommerce_product,
)
from workers.outbound.planning.sanitize import Removed, clean_name, removed_parts
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient
from workers.platforms.woocommerce.orders import OrderSource
from workers.pulls.start import Wanted, window_for
from workers.shops.opener import SHOP_NOT_SET_UP, open_store_woocommerce

__all__ = [
    "SHOP_NOT_SET_UP",
    "PlatformError",
    "Preview",
    "preview_categories",
    "preview_orders",
    "preview_products",
]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen to one product or category. `action`: create, update or none; `wc_id` is None for create.

    `removed` is markup of the ERP's that is not sent.
    """

    target_id: UUID
    label: str
    action: str
    wc_id: int | None
    differences: list[Difference]
    removed: list[Removed]


def preview_products(
    settings: Settings, pool: Pool, store_id: UUID, product_ids: Sequence[UUID], sync_type: str
) -> list[Preview]:
    """Preview products in a few calls per 100; one that the ERP never sent is left out. Raises PlatformError."""
    with pool.connection() as conn, tenant(conn, store_id):
        stored = get_products(conn, store_id, product_ids)
        sent = get_mappings(conn, store_id, product_ids)
        categories = list_erp_categories(conn, store_id)
    client = open_store_woocommerce(settings, pool, store_id)
    try:
        theirs = _shop_products(client, stored, sent)
    finally:
        client.close()
    ids = {one.category_id: one.wc_category_id for one in categories.values() if one.wc_category_id is not None}
    return [
        _preview_product(stored[product_id].product, sent.get(product_id), theirs.get(product_id), sync_type, ids)
        for product_id in product_ids
        if product_id in stored
    ]


def _shop_products(
    client: WooCommerceClient, stored: Mapping[UUID, StoredProduct], sent: Mapping[UUID, Sent]
) -> dict[UUID, dict[str, Any]]:
    # By id if the product is mapped, else by SKU.
    mapped = {product_id: known.wc_product_id for product_id, known in sent.items() if product_id in stored}
    by_id = client.get_products(list(mapped.values())) if mapped else {}
    skus = {one.product.sku: product_id for product_id, one in stored.items() if product_id not in mapped}
    by_sku = client.find_products_by_sku(list(skus)) if skus else {}
    found = {product_id: by_id[wc_id] for product_id, wc_id in mapped.items() if wc_id in by_id}
    return found | {skus[sku]: theirs for sku, theirs in by_sku.items()}


def _preview_product(
    product: ErpProduct,
    sent: Sent | None,
    theirs: Mapping[str, Any] | None,
    sync_type: str,
    category_ids: Mapping[UUID, int],
) -> Preview:
    if theirs is None:
        payload = to_woocommerce_product(product, category_ids)
        found, removed = differences(payload, {}), _removed(product, payload)
        return Preview(product.product_id, product.sku, "create", None, found, removed)
    # A product that is not mapped yet would be adopted, and then sent whole.
    groups = requested_groups([sync_type if sent is not None else "product"])
    payload = to_woocommerce_groups(product, groups, category_ids)
    if product.allow_manual_woocommerce_offers:
        payload = keep_manual_offer(payload, theirs, sent.sale_price if sent else None)
    found, removed = differences(payload, theirs), _removed(product, payload)
    return Preview(product.product_id, product.sku, "update" if found else "none", theirs["id"], found, removed)


def _removed(product: ErpProduct, payload: Payload) -> list[Removed]:
    raw = {"name": product.name, "description": product.description or ""}
    return [one for field in raw if field in payload for one in removed_parts(field, raw[field], payload[field])]


def preview_categories(settings: Settings, pool: Pool, store_id: UUID) -> list[Preview]:
    with pool.connection() as conn, tenant(conn, store_id):
        categories = list_erp_categories(conn, store_id)
    client = open_store_woocommerce(settings, pool, store_id)
    try:
        theirs = {category["id"]: category for category in client.get_categories()}
    finally:
        client.close()
    return [_preview_category(one, categories, theirs) for one in sorted(categories.values(), key=lambda one: one.name)]


def _preview_category(
    category: StoredCategory, categories: Mapping[UUID, StoredCategory], theirs: Mapping[int, Mapping[str, Any]]
) -> Preview:
    parent = categories.get(category.parent_id) if category.parent_id else None
    name = clean_name(category.name)
    payload: Payload = {"name": name, "parent": (parent.wc_category_id or 0) if parent else 0}
    existing = theirs.get(category.wc_category_id) if category.wc_category_id else None
    found = differences(payload, existing or {})
    action = "create" if existing is None else ("update" if found else "none")
    wc_id = category.wc_category_id if existing else None
    return Preview(category.category_id, name, action, wc_id, found, removed_parts("name", category.name, name))


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """At most 100 orders, of `total` in the window (None if the shop does not count them). `refused` could not be read."""

    orders: list[PulledOrder]
    refused: int
    total: int | None


def preview_orders(settings: Settings, pool: Pool, store_id: UUID, wanted: Wanted) -> OrderPreview:
    with pool.connection() as conn, tenant(conn, store_id):
        metadata = get_metadata(conn, store_id, "orders")
    client = open_store_woocommerce(settings, pool, store_id)
    try:
        page = OrderSource(client, window_for(wanted, metadata, datetime.now(UTC))).fetch(None)
    finally:
        client.close()
    orders = [from_woocommerce_order(order) for record in page.records if (order := read_order(record)) is not None]
    return OrderPreview(orders, len(page.records) - len(orders), page.total)
