"""Claims what one call carries, in one short transaction: weighed by brakes first, then by priority and age."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from db.core.session import prefer_index_order
from db.outbound.batches import count_batch_results
from db.outbound.erp_categories import StoredCategory, list_erp_categories
from db.outbound.erp_products import get_products, mark_create_begun
from db.outbound.item_claims import (
    ClaimedItem,
    Failed,
    Orphan,
    Returned,
    Spent,
    claim_category_items,
    claim_product_items,
    fail_items,
    list_orphaned_items,
    next_is_category,
    return_items,
)
from db.outbound.items import lock_items
from db.outbound.mappings import get_mappings
from db.outbound.push_leases import hold_lease
from workers.core.ids import new_id
from workers.outbound.planning.priorities import delay_after
from workers.outbound.planning.product_plan import Task, tasks_of
from workers.outbound.sending.holds import weigh
from workers.outbound.sending.unconfirmed import forget_sent

PRODUCTS_A_CALL = 100
CATEGORIES_A_CLAIM = 20
INTERRUPTED = "INTERRUPTED"
INTERRUPTED_MESSAGE = "Sending was interrupted before the shop's answer was recorded. It will be tried again."
INTERRUPTIONS = 10
NOTHING_SPENT = Spent(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one call carries: products, or categories by themselves. `categories` are all of the store's."""

    id: UUID
    tasks: list[Task]
    category_items: list[ClaimedItem]
    categories: dict[UUID, StoredCategory]


def claim_next(conn: Connection, store_id: UUID, holder: UUID, most: int) -> Claim | None:
    """Claim in the caller's transaction; None where nothing is due, or the holder may not send any more."""
    if not hold_lease(conn, store_id, holder):
        return None
    lock_items(conn, store_id)
    weigh(conn, store_id)
    # By its figures of before ten thousand items came in, PostgreSQL takes it for cheap to sort all that wait at each claim.
    prefer_index_order(conn)
    is_category = next_is_category(conn, store_id)
    if is_category is None:
        return None
    claim_id, categories = new_id(), list_erp_categories(conn, store_id)
    if is_category:
        return Claim(
            claim_id, [], claim_category_items(conn, store_id, claim_id, holder, CATEGORIES_A_CLAIM), categories
        )
    items = claim_product_items(conn, store_id, claim_id, holder, most)
    return Claim(claim_id, _tasks(conn, store_id, items), [], categories)


def _tasks(conn: Connection, store_id: UUID, items: list[ClaimedItem]) -> list[Task]:
    """The products as they are now: whatever changes after this asks for itself again."""
    product_ids = list({item.product_id for item in items if item.product_id is not None})
    tasks = tasks_of(items, get_products(conn, store_id, product_ids), get_mappings(conn, store_id, product_ids))
    first_time = [task.product_id for task in tasks if task.stored and not task.sent and not task.may_exist]
    if first_time:
        mark_create_begun(conn, store_id, first_time)
    return tasks


def return_orphans(conn: Connection, store_id: UUID, holder: UUID) -> int:
    """Let what a dead process had in hand wait again; returns how many. Only for the holder of the store's lease.

    An interruption proves nothing about an item, so it fails only after many.
    """
    lock_items(conn, store_id)
    orphans = list_orphaned_items(conn, store_id, holder)
    forget_sent(conn, store_id, orphans)
    back = [one for one in orphans if one.attempts < INTERRUPTIONS]
    if back:
        returned = [_returned(one) for one in back]
        superseded = return_items(conn, store_id, returned, NOTHING_SPENT)
        count_batch_results(conn, store_id, tally(superseded, (1, 0)))
    for one in orphans:
        if one.attempts >= INTERRUPTIONS:
            failed = Failed(one.id, INTERRUPTED, INTERRUPTED_MESSAGE, retryable=True, breach=None)
            batches = fail_items(conn, store_id, one.claim_id, [failed], NOTHING_SPENT)
            count_batch_results(conn, store_id, tally(batches, (0, 1)))
    return len(orphans)


def _returned(orphan: Orphan) -> Returned:
    """The first interruption is nobody's fault; one that comes again may be this item's."""
    delay = 0.0 if orphan.attempts <= 1 else delay_after(orphan.attempts)
    return Returned(orphan.id, orphan.claim_id, INTERRUPTED, INTERRUPTED_MESSAGE, delay, spent=True)


def tally(batch_ids: list[UUID | None], each: tuple[int, int]) -> dict[UUID, tuple[int, int]]:
    """How much to add to the counts of each run."""
    counts: dict[UUID, tuple[int, int]] = {}
    for batch_id in batch_ids:
        if batch_id is not None:
            succeeded, failed = counts.get(batch_id, (0, 0))
            counts[batch_id] = (succeeded + each[0], failed + each[1])
    return counts
