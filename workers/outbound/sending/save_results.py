"""Records what became of a call, in one short transaction: items, mappings, runs; never of items it no longer holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.batches import count_batch_results
from db.outbound.item_claims import Spent, complete_items, fail_items, holds_claim, return_items
from db.outbound.items import Origin, lock_items
from db.outbound.mappings import delete_mappings, get_owners, mark_mappings_failed, save_mappings
from db.outbound.push_leases import pause_store
from workers.outbound.planning.outcomes import Again, Outcomes, Refused, Verdicts, verdicts_on
from workers.outbound.requests import request_categories, request_products
from workers.outbound.sending.claim import Claim, tally
from workers.outbound.sending.unconfirmed import forget_sent
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, WooCommerceApiError

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many items ended how."""

    completed: int
    failed: int
    returned: int
    late: int  # ended past their deadline


def record(pool: Pool, store_id: UUID, claim: Claim, outcomes: Outcomes) -> Recorded:
    """Write the verdicts. Raises psycopg.Error and PoolTimeout; then the items stay claimed until the lease runs out."""
    with pool.connection() as conn, tenant(conn, store_id):
        return _record(conn, store_id, claim, outcomes)


def _record(conn: Connection, store_id: UUID, claim: Claim, outcomes: Outcomes) -> Recorded:
    if outcomes.pause is not None:  # the lease first, then items, then runs: in the order of those who claim
        pause_store(conn, store_id, outcomes.pause)
    lock_items(conn, store_id)
    if not holds_claim(conn, store_id, claim.id):
        return _too_late(conn, store_id, claim, outcomes)
    wc_ids = [mapping.sent.wc_product_id for mapping in outcomes.mappings]
    outcomes = without_taken(outcomes, get_owners(conn, store_id, wc_ids))
    verdicts = verdicts_on(outcomes, claim.id, datetime.now(UTC))
    _write_items(conn, store_id, claim.id, verdicts, Spent(outcomes.platform_seconds, outcomes.validation_seconds))
    delete_mappings(conn, store_id, outcomes.gone)
    save_mappings(conn, store_id, sorted(outcomes.mappings, key=lambda mapping: mapping.product_id))
    if outcomes.calls:
        in_doubt = [one for one in outcomes.refused if not isinstance(one.error, RateLimitError)]
        forget_sent(conn, store_id, [item for one in in_doubt for item in one.items])
    failed = {item.product_id: one.error.message for one in outcomes.refused for item in one.items if item.product_id}
    mark_mappings_failed(conn, store_id, sorted((key, message) for key, message in failed.items() if key))
    late = [one.id for one in verdicts.completed if one.breach] + [one.id for one in verdicts.failed if one.breach]
    return Recorded(len(verdicts.completed), len(verdicts.failed), len(verdicts.returned), len(late))


def _too_late(conn: Connection, store_id: UUID, claim: Claim, outcomes: Outcomes) -> Recorded:
    """Others have the items by now, and may have sent what is newer before this call's older state reached the shop: what
    went out is asked for once more, unchanged or not. What this call learned is worth nothing."""
    again = Origin({"source": "late"}, force=True)
    items = [*claim.category_items, *(item for task in claim.tasks for item in task.items)] if outcomes.calls else []
    request_products(conn, store_id, [(one.product_id, one.sync_type) for one in items if one.product_id], again)
    request_categories(conn, store_id, [one.category_id for one in items if one.category_id], again)
    log.warning("answer_too_late", items=len(items))
    return Recorded(0, 0, 0, 0)


def _write_items(conn: Connection, store_id: UUID, claim_id: UUID, verdicts: Verdicts, spent: Spent) -> None:
    done = complete_items(conn, store_id, claim_id, verdicts.completed, spent)
    failed = fail_items(conn, store_id, claim_id, verdicts.failed, spent)
    superseded = return_items(conn, store_id, verdicts.returned, spent) if verdicts.returned else []
    counts = tally([*done, *superseded], (1, 0))
    for batch_id, (_, more) in tally(failed, (0, 1)).items():
        succeeded, before = counts.get(batch_id, (0, 0))
        counts[batch_id] = (succeeded, before + more)
    count_batch_results(conn, store_id, counts)


def without_taken(outcomes: Outcomes, owners: dict[int, UUID]) -> Outcomes:
    """A product of the shop belongs to one of the ERP: whoever finds its SKU taken by another fails."""
    owners = dict(owners)
    kept, losers = [], set()
    for mapping in outcomes.mappings:
        if owners.setdefault(mapping.sent.wc_product_id, mapping.product_id) == mapping.product_id:
            kept.append(mapping)
        else:
            losers.add(mapping.product_id)
    if not losers:
        return outcomes
    refusal = WooCommerceApiError(errors.DUPLICATE_SKU, status=400, retryable=False)
    lost = [item for again in outcomes.again for item in again.items if item.product_id in losers]
    again = [one for one in outcomes.again if not any(item.product_id in losers for item in one.items)]
    return replace(
        outcomes,
        mappings=kept,
        again=[Again(one.items) for one in again],
        refused=[*outcomes.refused, Refused(lost, refusal)],
    )
