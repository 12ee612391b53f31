"""Looks up who has a SKU with which the shop would not create a product, and turns that into results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from workers.outbound.planning.comparison import ShopObject
from workers.outbound.planning.discontinued import TRASH
from workers.outbound.planning.product_plan import ProductTask
from workers.outbound.planning.results import Refused, Result
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import WooCommerceApiError

RefusedCreate = tuple[ProductTask, WooCommerceApiError]


def explain_refused_skus(calls: ShopCalls, refused: Sequence[RefusedCreate]) -> dict[UUID, Result]:
    """A result for each refused create, by product. Raises LeaseLost.

    Two calls per 100 SKUs, one of them for the trash, and one for each product that only the error names. If the shop fails
    meanwhile, the items wait for their next attempt.
    """
    if not refused:
        return {}
    try:
        holders = _find_holders(calls, refused)
    except PlatformError as error:
        return {task.product_id: Refused(task.items, error) for task, _ in refused}
    return {task.product_id: decide_refused_sku(task, error, holders.get(task.product.sku)) for task, error in refused}


def _find_holders(calls: ShopCalls, refused: Sequence[RefusedCreate]) -> Mapping[str, ShopObject]:
    skus = [task.product.sku for task, _ in refused]
    found = dict(calls.read(lambda shop: shop.find_products_by_sku(skus)))
    for task, error in refused:
        named = error.resource_id
        if named is not None and task.product.sku not in found:
            found[task.product.sku] = calls.read(lambda shop, named=named: shop.get_product(named))  # type: ignore[misc]
    others = [sku for sku in skus if sku not in found]
    return found | (calls.read(lambda shop: shop.find_products_by_sku(others, trashed=True)) if others else {})


def decide_refused_sku(task: ProductTask, error: WooCommerceApiError, holder: ShopObject | None) -> Refused:
    """The verdict on one refused create, from the product or variation that has the SKU."""
    code, is_passing = error.code, False
    if holder is not None and holder.get("status") == TRASH:
        code = errors.SKU_IN_TRASH
    elif holder is not None:
        # The look before the write did not show it: it was made since, by somebody else or by a call that we had given up. The
        # next attempt adopts it; after the last attempt it is someone else's.
        code = errors.DUPLICATE_SKU
        is_passing = all(item.attempts < item.max_attempts for item in task.items)
    explained = WooCommerceApiError(code, status=400, retryable=is_passing)
    return Refused(task.items, explained, is_not_ours=not task.may_be_ours)
