"""Dry runs: what a sync would change in the shop, field by field, or what a pull would read; written nowhere."""

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
from workers.outbound.shop import SHOP_NOT_SET_UP, open_store_client
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient
from workers.platforms.woocommerce.orders import OrderSource
from workers.pulls.start import Wanted, window_for

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
    """What would happen to one product or category. `action`: create, update or none; `wc_id` None where it would be made."""

    target_id: UUID
    label: str
    action: str
    wc_id: int | None
    differences: list[Difference]


def preview_products(
    settings: Settings, pool: Pool, store_id: UUID, product_ids: Sequence[UUID], sync_type: str
) -> list[Preview]:
    """At most a few calls for 100 products. Raises PlatformError. A product that the ERP never told us of is missing."""
    with pool.connection() as conn, tenant(conn, store_id):
        stored = get_products(conn, store_id, product_ids)
        sent = get_mappings(conn, store_id, product_ids)
        categories = list_erp_categories(conn, store_id)
    client = open_store_client(settings, pool, store_id)
    try:
        theirs = _shop_products(client, stored, sent)
    finally:
        client.close()
    ids = {one.category_id: one.wc_category_id for one in categories.values() if one.wc_category_id is not None}
    return [
        _preview(stored[product_id], sent.get(product_id), theirs.get(product_id), sync_type, ids)
        for product_id in product_ids
        if product_id in stored
    ]


def _shop_products(
    client: WooCommerceClient, stored: Mapping[UUID, StoredProduct], sent: Mapping[UUID, Sent]
) -> dict[UUID, dict[str, Any]]:
    """The shop's product of each: by its id where it is mapped, else by its SKU."""
    mapped = {product_id: known.wc_product_id for product_id, known in sent.items() if product_id in stored}
    by_id = client.get_products(list(mapped.values())) if mapped else {}
    skus = {one.product.sku: product_id for product_id, one in stored.items() if product_id not in mapped}
    by_sku = client.find_products_by_sku(list(skus)) if skus else {}
    found = {product_id: by_id[wc_id] for product_id, wc_id in mapped.items() if wc_id in by_id}
    return found | {skus[sku]: native for sku, native in by_sku.items()}


def _preview(
    stored: StoredProduct,
    sent: Sent | None,
    native: Mapping[str, Any] | None,
    sync_type: str,
    category_ids: Mapping[UUID, int],
) -> Preview:
    product = stored.product
    if native is None:
        created = differences(to_woocommerce_product(product, category_ids), {})
        return Preview(product.product_id, product.sku, "create", None, created)
    payload = _payload(stored, sent, native, sync_type, category_ids)
    found = differences(payload, native)
    return Preview(product.product_id, product.sku, "update" if found else "none", native["id"], found)


def _payload(
    stored: StoredProduct,
    sent: Sent | None,
    native: Mapping[str, Any],
    sync_type: str,
    category_ids: Mapping[UUID, int],
) -> Payload:
    """What would go out: the parts asked for; all of them for a product that would first be adopted."""
    groups = requested_groups([sync_type if sent is not None else "product"])
    payload = to_woocommerce_groups(stored.product, groups, category_ids)
    if stored.product.allow_manual_woocommerce_offers:
        payload = keep_manual_offer(payload, native, sent.sale_price if sent else None)
    return payload


def preview_categories(settings: Settings, pool: Pool, store_id: UUID) -> list[Preview]:
    """All categories of the store against all of the shop. Raises PlatformError."""
    with pool.connection() as conn, tenant(conn, store_id):
        categories = list_erp_categories(conn, store_id)
    client = open_store_client(settings, pool, store_id)
    try:
        theirs = {native["id"]: native for native in client.get_categories()}
    finally:
        client.close()
    return [_category(one, categories, theirs) for one in sorted(categories.values(), key=lambda one: one.name)]


def _category(
    category: StoredCategory, categories: Mapping[UUID, StoredCategory], theirs: Mapping[int, Mapping[str, Any]]
) -> Preview:
    parent = categories.get(category.parent_id) if category.parent_id else None
    payload: Payload = {"name": category.name, "parent": (parent.wc_category_id or 0) if parent else 0}
    native = theirs.get(category.wc_category_id) if category.wc_category_id else None
    found = differences(payload, native or {})
    action = "create" if native is None else ("update" if found else "none")
    return Preview(category.category_id, category.name, action, category.wc_category_id if native else None, found)


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """At most 100 orders, of `total` in the window; None where the shop does not count. `refused` could not be read."""

    orders: list[PulledOrder]
    refused: int
    total: int | None


def preview_orders(settings: Settings, pool: Pool, store_id: UUID, wanted: Wanted) -> OrderPreview:
    """The first page of what a pull would read, in one call. Raises PlatformError."""
    with pool.connection() as conn, tenant(conn, store_id):
        metadata = get_metadata(conn, store_id, "orders")
    client = open_store_client(settings, pool, store_id)
    try:
        page = OrderSource(client, window_for(wanted, metadata, datetime.now(UTC))).fetch(None)
    finally:
        client.close()
    orders = [from_woocommerce_order(order) for record in page.records if (order := read_order(record)) is not None]
    return OrderPreview(orders, len(page.records) - len(orders), page.total)
