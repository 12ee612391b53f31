"""Sends the planned writes of products, at most 100 in a call, and returns a result for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from app.settings.logs import get_logger
from workers.outbound.planning.product_plan import ProductDelete, ProductWrite
from workers.outbound.planning.results import Refused, Result
from workers.outbound.sending.refused_skus import explain_refused_skus
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.client import BatchItem
from workers.platforms.woocommerce.errors import ValidationError, WooCommerceApiError, concerns_whole_shop

log = get_logger(__name__)

# Errors of a whole call that one of its products may cause.
SPLIT_AFTER = (errors.SHOP_CRASHED, errors.BATCH_TOO_LARGE, errors.SHOP_REFUSED_VALUE)


def send_products(calls: ShopCalls, writes: Sequence[ProductWrite]) -> list[Result]:
    """Create and update products in one call, and the variations of each product in one of their own.

    If one product may have failed a call, its two halves are sent instead. Raises LeaseLost; a failure of the shop is a result.
    """
    by_parent: dict[int | None, list[ProductWrite]] = defaultdict(list)
    for write in writes:
        by_parent[write.wc_parent_id].append(write)
    results: list[Result] = []
    failure: PlatformError | None = None
    for parent, several in by_parent.items():
        sent = [_refused(write, failure) for write in several] if failure else _send(calls, parent, several)
        failure = failure or _failure_of_shop(sent)
        results += sent
    return results


def delete_products(calls: ShopCalls, deletes: Sequence[ProductDelete]) -> list[Result]:
    """Delete for good, one call each, for there are few. Raises LeaseLost; a failure of the shop is a result."""
    results: list[Result] = []
    failure: PlatformError | None = None
    for one in deletes:
        result = Refused(one.task.items, failure) if failure else _delete(calls, one)
        failure = failure or _failure_of_shop([result])
        results.append(result)
    return results


def _failure_of_shop(results: Sequence[Result]) -> PlatformError | None:
    """The error that says that other calls would fail as well."""
    refused = (one.error for one in results if isinstance(one, Refused))
    return next((error for error in refused if concerns_whole_shop(error)), None)


def _refused(write: ProductWrite, error: PlatformError) -> Result:
    return Refused(write.task.items, error)


def _delete(calls: ShopCalls, one: ProductDelete) -> Result:
    try:
        calls.call(lambda shop: shop.delete_product(one.wc_product_id, one.wc_parent_id))
    except PlatformError as error:
        if error.code != errors.NOT_IN_SHOP:
            return Refused(one.task.items, error)
    return one.answered()


def _send(calls: ShopCalls, wc_parent_id: int | None, writes: Sequence[ProductWrite]) -> list[Result]:
    creates = [write for write in writes if write.task.mapped is None]
    updates = [write for write in writes if write.task.mapped is not None]
    created = [write.payload for write in creates]
    updated = [{"id": write.task.mapped.wc_product_id, **write.payload} for write in updates if write.task.mapped]
    try:
        if wc_parent_id is None:
            answer = calls.call(lambda shop: shop.batch_update_products(created, updated))
        else:
            answer = calls.call(lambda shop: shop.batch_update_variations(wc_parent_id, created, updated))
    except PlatformError as error:
        if error.code not in SPLIT_AFTER or len(writes) == 1:
            return [_refused(write, error) for write in writes]
        log.warning("call_split", code=error.code, products=len(writes))
        return [*_send(calls, wc_parent_id, writes[::2]), *_send(calls, wc_parent_id, writes[1::2])]
    answers = list(zip([*creates, *updates], [*answer.created, *answer.updated], strict=True))
    refused = [(write.task, item.error) for write, item in answers if item.error and _is_about_sku(write, item.error)]
    verdicts = explain_refused_skus(calls, refused)
    return [verdicts.get(write.task.product_id) or _result(write, item) for write, item in answers]


def _is_about_sku(write: ProductWrite, error: WooCommerceApiError) -> bool:
    return write.task.mapped is None and error.code in (errors.PRODUCT_NOT_CREATED, errors.DUPLICATE_SKU)


def _result(write: ProductWrite, answer: BatchItem) -> Result:
    if answer.product is not None:
        return write.answered(answer.product)
    error = answer.error or ValidationError("The shop gave no answer for this product.")
    task = write.task
    if task.mapped is None:
        return Refused(task.items, error, is_not_ours=not task.may_be_ours)
    if error.code == errors.NOT_IN_SHOP:  # deleted since it was read: the next attempt sees that
        status = error.status if isinstance(error, WooCommerceApiError) else 0
        return Refused(task.items, WooCommerceApiError(errors.NOT_IN_SHOP, status=status, retryable=True))
    return Refused(task.items, error)
