"""Looks up who has a SKU with which the shop would not create a product, and turns that into results."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from workers.outbound.planning.comparison import ShopObject
from workers.outbound.planning.product_plan import ProductTask
from workers.outbound.planning.results import Refused, Result
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import WooCommerceApiError


def explain_refused_skus(calls: ShopCalls, tasks: Sequence[ProductTask]) -> dict[UUID, Result]:
    """A result for each task, by product: two calls per 100 SKUs, one of them for the trash. Raises LeaseLost.

    If the shop fails meanwhile, the items wait for their next attempt.
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


def decide_refused_sku(task: ProductTask, living: ShopObject | None, trashed: ShopObject | None) -> Refused:
    """The verdict on one refused create, from the product or variation that has the SKU."""
    code, is_passing = errors.PRODUCT_NOT_CREATED, False
    if living is not None and living.get("type") != "variation":
        # The look before the write did not show it: it was made since, by somebody else or by a call that we had given up. The
        # next attempt adopts it; after the last attempt it is someone else's.
        code = errors.DUPLICATE_SKU
        is_passing = all(item.attempts < item.max_attempts for item in task.items)
    elif living is not None:
        code = errors.SKU_OF_VARIATION
    elif trashed is not None:
        code = errors.SKU_IN_TRASH
    error = WooCommerceApiError(code, status=400, retryable=is_passing)
    return Refused(task.items, error, is_not_ours=not task.may_be_ours)
