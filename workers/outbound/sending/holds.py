"""Lets brakes look at everything that waits before any of it is claimed: holds, joins holds, and lets go what is harmless."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.outbound.batches import close_hold, count_batch_results, count_hold, get_batch, get_open_hold, open_hold
from db.outbound.brakes import count_catalogue, get_brakes, list_changes
from db.outbound.item_holds import (
    Reopened,
    approve_waiting,
    has_unweighed,
    hold_items,
    list_held_items,
    mark_weighed,
    reject_items,
    reopen_items,
)
from db.outbound.items import lock_items
from workers.core.ids import new_id
from workers.outbound.planning.brakes import Judgement, judge, limits_of

log = get_logger(__name__)

REJECTED = "REJECTED"
REJECTED_MESSAGE = "Brakes stopped this change, and a person rejected it."


def weigh(conn: Connection, store_id: UUID) -> None:
    """In the transaction that claims: whatever is claimed was looked at together with all that waited beside it."""
    if not has_unweighed(conn, store_id):
        return
    mark_weighed(conn, store_id)
    limits = limits_of(get_brakes(conn, store_id))
    if limits is None:
        _release(conn, store_id)
        return
    changes = list_changes(conn, store_id)
    judgement = judge(limits, count_catalogue(conn, store_id), changes)
    if judgement.held:
        waiting = [change.id for change in changes if change.id in judgement.held and not change.is_held]
        _hold(conn, store_id, judgement, waiting)
    else:
        _release(conn, store_id)


def _hold(conn: Connection, store_id: UUID, judgement: Judgement, waiting: list[UUID]) -> None:
    hold_id, is_new = open_hold(conn, store_id, new_id(), judgement.preview)
    hold_items(conn, store_id, waiting, hold_id)
    count_hold(conn, store_id, hold_id)
    if is_new:
        log.warning("changes_held", hold_id=str(hold_id), reasons=judgement.reasons, items=len(judgement.held))


def _release(conn: Connection, store_id: UUID) -> None:
    """What was held became harmless, e.g. as the ERP took a mistake back."""
    hold_id = get_open_hold(conn, store_id)
    if hold_id is not None:
        _reopen(conn, store_id, list_held_items(conn, store_id, hold_id), approved=False)
        close_hold(conn, store_id, hold_id, "released")
        mark_weighed(conn, store_id)


def approve(conn: Connection, store_id: UUID, hold_id: UUID) -> int | None:
    """Let a hold's items go, brakes or not; how many. Named by itself or by a run that it holds back.

    None where nothing is held.
    """
    closed = _decide(conn, store_id, hold_id, "approved")
    if closed is None:
        return None
    held = list_held_items(conn, store_id, closed)
    reopened = _reopen(conn, store_id, held, approved=True)
    approve_waiting(conn, store_id, held)
    return sum(one.pending for one in reopened)


def reject(conn: Connection, store_id: UUID, hold_id: UUID) -> int | None:
    """Fail a hold's items: the shop keeps what it has until the ERP says something else; how many. Named as for `approve`.

    None where nothing is held.
    """
    closed = _decide(conn, store_id, hold_id, "rejected")
    if closed is None:
        return None
    rejected = reject_items(conn, store_id, closed, REJECTED, REJECTED_MESSAGE)
    failed = Counter(batch_id for batch_id in rejected if batch_id is not None)
    count_batch_results(conn, store_id, {batch_id: (0, items) for batch_id, items in failed.items()})
    return len(rejected)


def _decide(conn: Connection, store_id: UUID, named: UUID, verdict: str) -> UUID | None:
    """Close the hold that is meant, under `lock_items`; its id, or None where nothing is held."""
    lock_items(conn, store_id)
    hold_id = _hold_behind(conn, store_id, named)
    return hold_id if close_hold(conn, store_id, hold_id, verdict) else None


def _hold_behind(conn: Connection, store_id: UUID, batch_id: UUID) -> UUID:
    """The hold itself, where a run is named that it holds back."""
    batch = get_batch(conn, store_id, batch_id)
    if batch is not None and batch.kind != "hold" and batch.held:
        return get_open_hold(conn, store_id) or batch_id
    return batch_id


def _reopen(conn: Connection, store_id: UUID, ids: list[UUID], *, approved: bool) -> list[Reopened]:
    reopened = reopen_items(conn, store_id, ids, approved)
    count_reopened(conn, store_id, reopened)
    return reopened


def count_reopened(conn: Connection, store_id: UUID, reopened: list[Reopened]) -> None:
    """Keep the counts of runs right: a failed item that waits again has not failed, one that is superseded is done."""
    counts: dict[UUID, tuple[int, int]] = {}
    for one in reopened:
        if one.batch_id is not None:
            succeeded, failed = counts.get(one.batch_id, (0, 0))
            counts[one.batch_id] = (succeeded + (not one.pending), failed - one.was_failed)
    count_batch_results(conn, store_id, counts)
