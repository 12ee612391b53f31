"""Recovers the items that a dead process had claimed."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from db.outbound.batches import count_ended_items
from db.outbound.item_claims import Failed, Returned, Spent, fail_items, list_orphaned_items, return_items
from db.outbound.items import lock_items
from workers.outbound.planning.priorities import delay_after
from workers.outbound.sending.unconfirmed import forget_unconfirmed

INTERRUPTED = "INTERRUPTED"
INTERRUPTED_MESSAGE = "Sending was interrupted before the shop's answer was recorded. It will be tried again."
MOST_INTERRUPTIONS = 10  # an interruption proves nothing about an item, so it fails only after many
NOTHING_SPENT = Spent(0.0, 0.0)


def requeue_interrupted(conn: Connection, store_id: UUID, holder: UUID) -> int:
    """Return the items of other processes to the queue; returns how many. Only for the holder of the store's lease."""
    lock_items(conn, store_id)
    orphans = list_orphaned_items(conn, store_id, holder)
    forget_unconfirmed(conn, store_id, orphans)
    returned, failed = [], []
    for item in orphans:
        if item.attempts < MOST_INTERRUPTIONS:
            # The first interruption is not the item's fault; a repeated one may be.
            delay = 0.0 if item.attempts <= 1 else delay_after(item.attempts)
            returned.append(Returned(item.id, item.claim_id, INTERRUPTED, INTERRUPTED_MESSAGE, delay, spent=True))
        else:
            failure = Failed(item.id, INTERRUPTED, INTERRUPTED_MESSAGE, retryable=True, breach=None)
            failed += fail_items(conn, store_id, item.claim_id, [failure], NOTHING_SPENT)
    superseded = return_items(conn, store_id, returned, NOTHING_SPENT) if returned else []
    count_ended_items(conn, store_id, succeeded=superseded, failed=failed)
    return len(orphans)
