"""Plans the products of one claim: from the tasks and the shop's state to the writes that are sent; pure.

A task that needs no write, or can't have one, has its result here already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from db.outbound.erp_products import StoredProduct
from db.outbound.item_claims import ClaimedItem
from db.outbound.mappings import Sent
from schemas.records.erp import ErpProduct
from workers.outbound.planning.field_groups import FIELD_GROUPS, changed_groups, requested_groups
from workers.outbound.planning.mapper import Payload, keep_manual_offer, number_of, to_woocommerce_groups
from workers.outbound.planning.results import Adopted, Done, Refused, Result
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.errors import SyncError

PRODUCT_UNKNOWN = "PRODUCT_UNKNOWN"

ShopObject = Mapping[str, Any]  # a product as the shop's API shows it


@dataclass(frozen=True, slots=True)
class ProductTask:
    """One product with all its claimed items. `stored` is None if the ERP never sent it, `sent` if it is not mapped."""

    product_id: UUID
    items: tuple[ClaimedItem, ...]
    stored: StoredProduct | None
    sent: Sent | None

    @property
    def product(self) -> ErpProduct:
        assert self.stored is not None
        return self.stored.product

    @property
    def may_exist(self) -> bool:
        """Whether an earlier call may have created the product in the shop, so that its SKU must be looked up first."""
        return self.stored is not None and self.sent is None and self.stored.create_begun

    @property
    def groups_to_send(self) -> tuple[str, ...]:
        """All field groups of an unmapped product; else the requested ones, of which unchanged ones only if forced."""
        if self.stored is None:
            return ()
        if self.sent is None:
            return FIELD_GROUPS
        requested = requested_groups([item.sync_type for item in self.items])
        if any(item.force for item in self.items):
            return requested
        changed = changed_groups(self.stored.group_hashes, self.sent.group_hashes)
        return tuple(group for group in requested if group in changed)

    @property
    def needs_sale_price(self) -> bool:
        """Whether the shop's sale price must be read first: a merchant may have set an offer that is to stay."""
        return self.sent is not None and "price" in self.groups_to_send and self.product.allow_manual_woocommerce_offers


@dataclass(frozen=True, slots=True)
class ShopState:
    """What the plan needs to know of the shop.

    `products_by_sku` has the SKUs that were looked up and found, `category_ids` WooCommerce's id per ERP category,
    `sale_prices` products by WooCommerce's id. `error`: the shop could not be read to the end, and nothing is sent.
    """

    products_by_sku: Mapping[str, ShopObject] = field(default_factory=dict)
    category_ids: Mapping[UUID, int] = field(default_factory=dict)
    sale_prices: Mapping[int, ShopObject] = field(default_factory=dict)
    error: PlatformError | None = None

    def existing_product(self, task: ProductTask) -> ShopObject | None:
        return self.products_by_sku.get(task.product.sku) if task.may_exist else None


@dataclass(frozen=True, slots=True)
class ProductWrite:
    """One product to create, or to update if it is mapped. `hashes`: the field groups that then count as sent."""

    task: ProductTask
    groups: tuple[str, ...]
    payload: Payload
    hashes: Mapping[str, str]

    def done(self, wc_product_id: int) -> Done:
        before, product = self.task.sent, self.task.product
        regular_price, sale_price, stock = (
            (before.regular_price, before.sale_price, before.stock) if before else (None, None, None)
        )
        # What is not in the payload stays in the shop, and with it what we know of it: fields that the ERP left out, and
        # the merchant's own offer.
        if "regular_price" in self.payload:
            regular_price = product.regular_price
        if "sale_price" in self.payload:
            sale_price = product.sale_price
        if "stock_quantity" in self.payload:
            stock = product.stock_quantity or 0
        elif self.payload.get("manage_stock") is False:
            stock = None
        sent = Sent(wc_product_id, self.hashes, regular_price, sale_price, stock)
        return Done(self.task.items, wc_product_id, sent)


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """The writes to send, and the results of the tasks without one."""

    writes: list[ProductWrite]
    results: list[Result]


def build_tasks(
    items: Sequence[ClaimedItem], stored: Mapping[UUID, StoredProduct], sent: Mapping[UUID, Sent]
) -> list[ProductTask]:
    by_product: dict[UUID, list[ClaimedItem]] = {}
    for item in items:
        if item.product_id is not None:
            by_product.setdefault(item.product_id, []).append(item)
    return [ProductTask(key, tuple(several), stored.get(key), sent.get(key)) for key, several in by_product.items()]


def plan_products(tasks: Sequence[ProductTask], shop: ShopState) -> ProductPlan:
    plan = ProductPlan([], [])
    for task in tasks:
        step = _plan_product(task, shop)
        if isinstance(step, ProductWrite):
            plan.writes.append(step)
        else:
            plan.results.append(step)
    return plan


def _plan_product(task: ProductTask, shop: ShopState) -> ProductWrite | Result:
    if task.stored is None:
        message = "The ERP has not sent this product."
        error = SyncError(task.product_id, task.items[0].sync_type, PRODUCT_UNKNOWN, message, retryable=False)
        return Refused(task.items, error)
    if task.sent is not None and not task.groups_to_send:
        return Done(task.items, task.sent.wc_product_id)
    existing = shop.existing_product(task)
    if existing is not None:
        return Adopted(task.items, _adopted_state(existing, task.product))
    if shop.error is not None:
        return Refused(task.items, shop.error)
    write = _write(task, task.stored, shop)
    if (
        task.sent is not None and not write.payload
    ):  # e.g. the last image was removed: there is nothing to tell the shop
        return write.done(task.sent.wc_product_id)
    return write


def _adopted_state(existing: ShopObject, product: ErpProduct) -> Sent:
    # No field group counts as sent, so the next claim sends all of them. Brakes measure that change against these figures.
    # A sale price that counts as ours would be replaced, so a manual offer that is to stay is left out.
    sale_price = None if product.allow_manual_woocommerce_offers else number_of(existing.get("sale_price"))
    return Sent(
        wc_product_id=existing["id"],
        group_hashes={},
        regular_price=number_of(existing.get("regular_price")),
        sale_price=sale_price,
        stock=_stock_of(existing),
    )


def _stock_of(existing: ShopObject) -> int | None:
    if existing.get("manage_stock") is not True:
        return 0 if existing.get("stock_status") == "outofstock" else None
    pieces = number_of(existing.get("stock_quantity"))
    return None if pieces is None else math.ceil(pieces)  # plugins sell half pieces; half a piece is not "sold out"


def _write(task: ProductTask, stored: StoredProduct, shop: ShopState) -> ProductWrite:
    groups = task.groups_to_send
    payload = to_woocommerce_groups(stored.product, groups, shop.category_ids)
    if task.sent is not None and task.needs_sale_price:
        theirs = shop.sale_prices.get(task.sent.wc_product_id, {})
        payload = keep_manual_offer(payload, theirs, task.sent.sale_price)
    # A product whose category the shop lacks is sent again once the category is there.
    is_placed = all(category_id in shop.category_ids for category_id in stored.product.category_ids)
    hashes = {group: stored.group_hashes[group] for group in groups if group != "category" or is_placed}
    return ProductWrite(task, groups, payload, hashes)
