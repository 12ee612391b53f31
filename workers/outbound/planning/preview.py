"""Dry runs: what a sync would change in the shop, field by field, or what a pull would read; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from app.settings.environment import Settings
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.erp_categories import StoredCategory, list_erp_categories
from db.outbound.erp_products import get_products
from db.outbound.mappings import get_mappings
from db.sync.metadata import get_metadata
from schemas.platforms.woocommerce.orders import read_order
from schemas.records.erp import ErpProduct
from workers.outbound.planning.category_tree import ids_by_path
from workers.outbound.planning.comparison import COMPARED_FIELDS, HEAVY_FIELDS, Difference, ShopObject, differences
from workers.outbound.planning.field_groups import requested_groups
from workers.outbound.planning.mapper import Payload, PulledOrder, from_woocommerce_order
from workers.outbound.planning.product_plan import ProductTask, ShopState, compare, payload_to_create
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
        mapped = get_mappings(conn, store_id, product_ids)
        categories = list_erp_categories(conn, store_id)
    ids = {one.category_id: one.wc_category_id for one in categories.values() if one.wc_category_id is not None}
    tasks = [ProductTask(key, (), stored[key], mapped.get(key)) for key in product_ids if key in stored]
    client = open_store_woocommerce(settings, pool, store_id)
    try:
        shop = _shop_state(client, tasks, ids)
    finally:
        client.close()
    return [_preview_product(task, shop, sync_type) for task in tasks]


def _shop_state(client: WooCommerceClient, tasks: Sequence[ProductTask], ids: Mapping[UUID, int]) -> ShopState:
    fields = (*COMPARED_FIELDS, *HEAVY_FIELDS)
    parents = {task.mapped.wc_product_id: task.mapped.wc_parent_id for task in tasks if task.mapped is not None}
    by_id = client.read_products(parents, fields)
    by_sku = client.find_products_by_sku([task.product.sku for task in tasks if task.must_look_up], fields)
    return ShopState(by_id, by_sku, ids)


def _preview_product(task: ProductTask, shop: ShopState, sync_type: str) -> Preview:
    product = task.product
    theirs = shop.theirs(task)
    if task.is_discontinued and (theirs is None or (task.mapped is None and not task.may_be_ours)):
        return Preview(task.product_id, product.sku, "none", None, [], [])
    if theirs is None:
        assert task.stored is not None
        payload = payload_to_create(task.stored, shop)
        found = differences(payload, {}, shop.now)
        return Preview(task.product_id, product.sku, "create", None, found, _removed(product, payload))
    # A product that is not mapped yet would be adopted, and then sent whole.
    groups = requested_groups([sync_type if task.mapped is not None else "product"])
    compared = compare(task, theirs, replace(shop, groups=groups))
    action = "update" if compared.differences else "none"
    removed = _removed(product, compared.payload)
    return Preview(task.product_id, product.sku, action, theirs["id"], list(compared.differences), removed)


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
    ids = ids_by_path(categories, theirs)
    return [_preview_category(one, ids, theirs) for one in sorted(categories.values(), key=lambda one: one.name)]


def _preview_category(category: StoredCategory, ids: Mapping[UUID, int], theirs: Mapping[int, ShopObject]) -> Preview:
    name = clean_name(category.name)
    payload: Payload = {"name": name, "parent": ids.get(category.parent_id, 0) if category.parent_id else 0}
    wc_id = ids.get(category.category_id)
    found = differences(payload, {} if wc_id is None else theirs[wc_id], datetime.now(UTC))
    action = "create" if wc_id is None else ("update" if found else "none")
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
