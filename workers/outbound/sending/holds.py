"""Holds changes that look like a mistake, before anything is claimed, and carries out what a person decides about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.outbound.batches import (
    close_hold,
    count_batch_results,
    count_ended_items,
    count_hold,
    get_batch,
    get_open_hold,
    open_hold,
)
from db.outbound.brakes import count_catalogue, get_brakes, list_changes
from db.outbound.item_holds import (
    approve_waiting,
    has_unchecked,
    hold_items,
    list_held_items,
    list_held_of_products,
    mark_checked,
    recheck_products,
    reject_items,
    reopen_items,
    supersede_held,
)
from db.outbound.items import lock_items
from db.outbound.mappings import reject_groups
from db.outbound.takeover import (
    count_adopted_fields,
    decide_takeover,
    get_takeover,
    has_lookups,
    list_adopted_differences,
)
from workers.core.ids import new_id
from workers.outbound.planning.brakes import TAKEOVER, BrakeDecision, apply_brakes, read_limits
from workers.outbound.planning.mapper import FIELDS_BY_TYPE, GROUPS
from workers.outbound.planning.product_plan import REJECTED, REJECTED_MESSAGE

log = get_logger(__name__)

EXAMPLES = 10  # of each field, in the preview of a takeover


def hold_suspicious_changes(conn: Connection, store_id: UUID) -> None:
    """Apply the store's brakes to all open changes, in the transaction that claims, so that none is claimed unseen.

    Opens or extends the store's hold; releases it if nothing looks like a mistake any more. While the shop must still be asked
    for open products, those that it has wait unchecked: their share would be weighed by what one call found.
    """
    if not has_unchecked(conn, store_id):
        return
    lookups_open = has_lookups(conn, store_id)
    if not mark_checked(conn, store_id, lookups_open=lookups_open):
        return
    # A full sync requests held changes again: its items take their places, to be held in their turn or not.
    count_ended_items(conn, store_id, succeeded=supersede_held(conn, store_id))
    limits = read_limits(get_brakes(conn, store_id))
    if limits is None:
        _release_hold(conn, store_id)
        return
    changes = list_changes(conn, store_id, FIELDS_BY_TYPE)
    is_takeover = get_takeover(conn, store_id) is None
    decision = apply_brakes(limits, count_catalogue(conn, store_id), changes, is_takeover=is_takeover)
    if not decision.held:
        _release_hold(conn, store_id)
        return
    preview = decision.preview | _adopted_fields(conn, store_id, decision)
    hold_id, is_new = open_hold(conn, store_id, new_id(), preview)
    to_hold = [change.id for change in changes if change.id in decision.held and not change.is_held]
    hold_items(conn, store_id, to_hold, hold_id)
    count_hold(conn, store_id, hold_id)
    if is_new:
        log.warning("changes_held", hold_id=str(hold_id), reasons=decision.reasons, items=len(decision.held))


def _adopted_fields(conn: Connection, store_id: UUID, decision: BrakeDecision) -> dict[str, Any]:
    """For the preview: in how many adopted products each field differs, with both values of the first of them."""
    if not decision.preview["adoptedProducts"]:
        return {}
    fields = [
        {
            "field": field,
            "products": products,
            "examples": [
                {"productId": str(one.product_id), "sku": one.sku, "shop": one.theirs, "erp": one.ours}
                for one in list_adopted_differences(conn, store_id, field, EXAMPLES)
            ],
        }
        for field, products in sorted(count_adopted_fields(conn, store_id).items(), key=lambda one: (-one[1], one[0]))
    ]
    return {"fields": fields}


def _release_hold(conn: Connection, store_id: UUID) -> None:
    # The held changes became harmless, e.g. because the ERP corrected a mistake.
    hold_id = get_open_hold(conn, store_id)
    if hold_id is not None:
        reopen(conn, store_id, list_held_items(conn, store_id, hold_id), approved=False)
        close_hold(conn, store_id, hold_id, "released")
        mark_checked(conn, store_id, lookups_open=False)


def approve(conn: Connection, store_id: UUID, batch_id: UUID) -> int | None:
    """Let the items of a hold go past the brakes; returns how many wait now, None if nothing is held.

    `batch_id` names the hold, or a run that it holds back. The approval covers the values that the shop was seen to have.
    """
    hold_id = _close_hold(conn, store_id, batch_id, "approved")
    if hold_id is None:
        return None
    held = list_held_items(conn, store_id, hold_id)
    pending = reopen(conn, store_id, held, approved=True)
    approve_waiting(conn, store_id, held)
    return pending


def reject(conn: Connection, store_id: UUID, batch_id: UUID) -> int | None:
    """Fail the items of a hold: the shop keeps its values until the ERP states others. Named and returned as in `approve`."""
    hold_id = _close_hold(conn, store_id, batch_id, "rejected")
    if hold_id is None:
        return None
    rejected = reject_items(conn, store_id, hold_id, REJECTED, REJECTED_MESSAGE)
    count_ended_items(conn, store_id, failed=[one.batch_id for one in rejected])
    groups = {
        (one.product_id, GROUPS[name])
        for one in rejected
        if one.product_id
        for name in one.only_fields or FIELDS_BY_TYPE[one.sync_type]
    }
    reject_groups(conn, store_id, sorted(groups))
    return len(rejected)


def _close_hold(conn: Connection, store_id: UUID, batch_id: UUID, status: str) -> UUID | None:
    lock_items(conn, store_id)
    hold_id, batch = batch_id, get_batch(conn, store_id, batch_id)
    if batch is not None and batch.kind != "hold" and batch.held:
        hold_id = get_open_hold(conn, store_id) or batch_id
    hold = get_batch(conn, store_id, hold_id)
    if hold is None or not close_hold(conn, store_id, hold_id, status):
        return None
    # What still waits for a look-up was not seen by this decision.
    if TAKEOVER in (hold.preview or {}).get("reasons", ()) and not has_lookups(conn, store_id):
        decide_takeover(conn, store_id, status)
    return hold_id


def reweigh(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    """Let brakes weigh all open items of these products anew, approved and held ones too: what a person saw of them is not
    so any more. Needs `lock_items`.
    """
    if product_ids:
        recheck_products(conn, store_id, product_ids)
        reopen(conn, store_id, list_held_of_products(conn, store_id, product_ids), approved=False)


def reopen(conn: Connection, store_id: UUID, ids: list[UUID], *, approved: bool) -> int:
    """Let failed or held items wait again, and correct their runs' counts; returns how many wait. Needs `lock_items`."""
    reopened = reopen_items(conn, store_id, ids, approved)
    counts: dict[UUID, tuple[int, int]] = {}
    for one in reopened:
        if one.batch_id is not None:
            succeeded, failed = counts.get(one.batch_id, (0, 0))
            # An item that waits again has not failed after all; a superseded one is done.
            counts[one.batch_id] = (succeeded + (not one.pending), failed - one.was_failed)
    count_batch_results(conn, store_id, counts)
    return sum(one.pending for one in reopened)
