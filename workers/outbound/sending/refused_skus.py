"""Looks up who has a SKU with which the shop would not create a product, and turns that into results."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from workers.outbound.planning.product_plan import ProductTask, ShopObject
from workers.outbound.planning.results import Refused, Requeued, Result
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import WooCommerceApiError


def explain_refused_skus(calls: ShopCalls, tasks: Sequence[ProductTask]) -> dict[UUID, Result]:
    """A result for each task, by product: two calls per 100 SKUs, one of them for the trash. Raises LeaseLost.

    A living product is adopted by the next claim. If the shop fails meanwhile, the items wait for their next attempt.
    """
    skus = [task.product.sku for task in tasks]
    if not skus:
        return {}
    try:
        living = calls.call(lambda shop: shop.find_sku_holders(skus))
        others = [sku for sku in skus if sku not in living]
        trashed = calls.call(lambda shop: shop.find_sku_holders(others, trashed=True)) if others else {}
    except PlatformError as error:
        return {task.product_id: Refused(task.items, error) for task in tasks}
    return {
        task.product_id: decide_refused_sku(task, living.get(task.product.sku), trashed.get(task.product.sku))
        for task in tasks
    }


def decide_refused_sku(task: ProductTask, living: ShopObject | None, trashed: ShopObject | None) -> Result:
    """The verdict on one refused create, from the product or variation that has the SKU."""
    if living is not None and living.get("type") != "variation":
        if not task.may_exist:
            return Requeued(task.items)
        # It was looked up before, and came up since: made by a call that we had given up, or by somebody else.
        is_last = any(item.attempts >= item.max_attempts for item in task.items)
        return Refused(task.items, WooCommerceApiError(errors.DUPLICATE_SKU, status=400, retryable=not is_last))
    code = errors.PRODUCT_NOT_CREATED
    if living is not None:
        code = errors.SKU_OF_VARIATION
    elif trashed is not None:
        code = errors.SKU_IN_TRASH
    return Refused(task.items, WooCommerceApiError(code, status=400, retryable=False))
