"""Sends one claim of products: looks up, creates and updates, at most 100 in a call, and says what became of each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.settings.logs import get_logger
from db.outbound.erp_categories import StoredCategory
from db.outbound.item_claims import ClaimedItem
from db.outbound.mappings import Mapping as ProductMapping
from db.outbound.mappings import Sent
from workers.core.ids import new_id
from workers.outbound.planning.mapper import number_of
from workers.outbound.planning.outcomes import Again, Done, Outcomes, Refused
from workers.outbound.planning.product_plan import (
    Task,
    Write,
    may_have_manual_offer,
    sent_by,
    sort_tasks,
    without_manual_offer,
    write_of,
)
from workers.outbound.sending.send_categories import Saved, ensure_categories
from workers.outbound.sending.shop_connection import Line
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.client import BatchAnswer, BatchItem
from workers.platforms.woocommerce.errors import (
    MappingNotFoundError,
    SyncError,
    ValidationError,
    WooCommerceApiError,
)

log = get_logger(__name__)

PRODUCT_UNKNOWN = "PRODUCT_UNKNOWN"
# One product of many may be the reason: then the others are sent without it.
SPLIT = (errors.SHOP_CRASHED, errors.BATCH_TOO_LARGE, errors.SHOP_REFUSED_VALUE)

Owners = Mapping[int, UUID]


def send_products(
    line: Line, tasks: Sequence[Task], categories: dict[UUID, StoredCategory], outcomes: Outcomes, saved: Saved
) -> None:
    """Fill `outcomes` with a verdict on each task. Raises LeaseLost; a failure of the shop is a verdict.

    `saved` is told of each category that had to be made on the way.
    """
    began = time.monotonic()
    found = sort_tasks(tasks)
    for task in found.unknown:
        outcomes.refused.append(Refused(task.items, _unknown(task)))
    for task in found.unchanged:
        outcomes.done.append(Done(task.items, task.sent.wc_product_id if task.sent else None))
    outcomes.validation_seconds += time.monotonic() - began
    try:
        adopted = _adopt(line, found.look_up, outcomes)
        create = [*found.create, *(task for task in found.look_up if task.product_id not in adopted)]
        _write(line, create, found.update, categories, outcomes, saved)
    except PlatformError as error:
        settled = {item.id for item in _settled(outcomes)}
        left = [item for task in tasks for item in task.items if item.id not in settled]
        outcomes.refused.append(Refused(left, error))


def _settled(outcomes: Outcomes) -> list[ClaimedItem]:
    groups: list[Done | Again | Refused] = [*outcomes.done, *outcomes.again, *outcomes.refused]
    return [item for group in groups for item in group.items]


def _unknown(task: Task) -> SyncError:
    message = "The ERP has not told us of this product."
    return SyncError(task.product_id, task.items[0].sync_type, PRODUCT_UNKNOWN, message, retryable=False)


def _adopt(line: Line, tasks: Sequence[Task], outcomes: Outcomes) -> set[UUID]:
    """Look up what a call that was lost may have created; a product that the shop has becomes the mapping."""
    if not tasks:
        return set()
    skus = [task.product.sku for task in tasks]
    found = line.call(outcomes, lambda shop: shop.find_products_by_sku(skus))
    for task in tasks:
        if task.product.sku in found:
            outcomes.mappings.append(_adopted(task, found[task.product.sku]))
            outcomes.again.append(Again(task.items))
    return {task.product_id for task in tasks if task.product.sku in found}


def _adopted(task: Task, native: Mapping[str, Any]) -> ProductMapping:
    """What the shop has was not sent by us, so no part counts as sent; its figures are what brakes measure against."""
    stock = native.get("stock_quantity") if native.get("manage_stock") is True else None
    sent = Sent(
        wc_product_id=native["id"],
        part_hashes={},
        regular_price=number_of(native.get("regular_price")),
        sale_price=None,
        stock=int(stock) if isinstance(stock, int) else None,
    )
    return ProductMapping(new_id(), task.product_id, "adopted", sent)


def _write(
    line: Line,
    create: Sequence[Task],
    update: Sequence[Task],
    categories: dict[UUID, StoredCategory],
    outcomes: Outcomes,
    saved: Saved,
) -> None:
    wanted = {category_id for task in [*create, *update] for category_id in task.product.category_ids}
    ids = ensure_categories(line, categories, wanted, outcomes, saved)
    began = time.monotonic()
    creates = [write_of(task, ids) for task in create]
    updates = [write_of(task, ids) for task in update]
    outcomes.validation_seconds += time.monotonic() - began
    updates = _respect_offers(line, updates, outcomes)
    for write in [write for write in updates if not write.payload]:
        _succeed(write, _wc_id(write), ids, outcomes)
    _call(line, creates, [write for write in updates if write.payload], ids, outcomes)


def _respect_offers(line: Line, updates: list[Write], outcomes: Outcomes) -> list[Write]:
    """Read the shop's sale prices where a product allows manual offers, and leave those that are not ours."""
    asked = [_wc_id(write) for write in updates if may_have_manual_offer(write)]
    if not asked:
        return updates
    theirs = line.call(outcomes, lambda shop: shop.get_products(asked, ["sale_price"]))
    return [
        without_manual_offer(write, theirs.get(_wc_id(write), {})) if may_have_manual_offer(write) else write
        for write in updates
    ]


def _call(
    line: Line, creates: Sequence[Write], updates: Sequence[Write], ids: Mapping[UUID, int], outcomes: Outcomes
) -> None:
    """One call; where one product may be to blame for the failure of all, two calls of half as many."""
    if not creates and not updates:
        return
    try:
        answer = line.call(outcomes, lambda shop: _batch(shop.batch_update_products, creates, updates))
    except PlatformError as error:
        if error.code not in SPLIT or len(creates) + len(updates) == 1:
            _refuse([*creates, *updates], error, outcomes)
            return
        log.warning("call_split", code=error.code, products=len(creates) + len(updates))
        for half in (slice(None, None, 2), slice(1, None, 2)):
            # Every other one, so that both halves are smaller whatever they hold.
            several = [*creates, *updates][half]
            _call(
                line,
                [write for write in several if write.task.sent is None],
                [write for write in several if write.task.sent is not None],
                ids,
                outcomes,
            )
        return
    for write, item in zip(creates, answer.created, strict=True):
        _settle(write, item, ids, outcomes)
    for write, item in zip(updates, answer.updated, strict=True):
        _settle(write, item, ids, outcomes)


def _batch(send: Any, creates: Sequence[Write], updates: Sequence[Write]) -> BatchAnswer:
    answer: BatchAnswer = send(
        [write.payload for write in creates], [{"id": _wc_id(write), **write.payload} for write in updates]
    )
    return answer


def _wc_id(write: Write) -> int:
    if write.task.sent is None:
        raise MappingNotFoundError(write.task.product_id)
    return write.task.sent.wc_product_id


def _settle(write: Write, item: BatchItem, ids: Mapping[UUID, int], outcomes: Outcomes) -> None:
    """The verdict on one product of a call that was answered."""
    if item.product is not None:
        _succeed(write, item.product["id"], ids, outcomes)
        return
    error = item.error or ValidationError("The shop gave no answer for this product.")
    if error.code == errors.NOT_IN_SHOP and write.task.sent is not None:
        # Deleted in the shop: forget the mapping, and the next attempt creates it anew.
        outcomes.gone.append((write.task.product_id, write.task.sent.wc_product_id))
        _refuse([write], WooCommerceApiError(errors.NOT_IN_SHOP, status=error_status(error), retryable=True), outcomes)
    elif error.code == errors.DUPLICATE_SKU and write.task.sent is None:
        _look_up_next(write, error, outcomes)
    else:
        _refuse([write], error, outcomes)


def _look_up_next(write: Write, error: PlatformError, outcomes: Outcomes) -> None:
    """The shop has it already: from somebody else, or, where it was looked up in vain just now, from a call of ours that a
    shop finished after all, long after we gave it up. It is looked up and adopted next; in the end it is another's."""
    if not write.task.may_exist:
        outcomes.again.append(Again(write.task.items))
        return
    is_last = any(item.attempts >= item.max_attempts for item in write.task.items)
    refusal = WooCommerceApiError(errors.DUPLICATE_SKU, status=error_status(error), retryable=not is_last)
    _refuse([write], refusal, outcomes)


def error_status(error: PlatformError) -> int:
    return error.status if isinstance(error, WooCommerceApiError) else 0


def _succeed(write: Write, wc_id: int, ids: Mapping[UUID, int], outcomes: Outcomes) -> None:
    sent = sent_by(write, wc_id, ids)
    outcomes.mappings.append(ProductMapping(new_id(), write.task.product_id, "synced", sent))
    outcomes.done.append(Done(write.task.items, wc_id))


def _refuse(writes: Sequence[Write], error: PlatformError, outcomes: Outcomes) -> None:
    for write in writes:
        outcomes.refused.append(Refused(write.task.items, error))
