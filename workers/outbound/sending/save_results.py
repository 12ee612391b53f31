"""Saves the results of a claim in one short transaction: its items, mappings and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.batches import count_ended_items
from db.outbound.discontinued import forget_taken_off
from db.outbound.erp_products import forget_create_begun, list_unmapped_variations
from db.outbound.item_claims import complete_items, fail_items, holds_claim, return_items
from db.outbound.items import Origin, lock_items
from db.outbound.mappings import ProductLook, delete_mappings, get_owners, mark_mappings_failed, save_looks
from db.outbound.push_leases import count_failure, forget_failures, pause_store
from workers.core.ids import new_id
from workers.outbound.planning.pauses import pause_seconds
from workers.outbound.planning.product_plan import weighs_otherwise
from workers.outbound.planning.results import ClaimResult, Done, Refused, Result
from workers.outbound.planning.verdicts import Verdicts, decide_items
from workers.outbound.requests import request_categories, request_products
from workers.outbound.sending.claim import ItemClaim
from workers.outbound.sending.holds import reweigh
from workers.outbound.sending.unconfirmed import forget_unconfirmed
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, WooCommerceApiError

log = get_logger(__name__)


def save_results(pool: Pool, store_id: UUID, claim: ItemClaim, result: ClaimResult) -> Verdicts:
    """Save what became of a claim's items; of none if another process has taken them over.

    Raises psycopg.Error and PoolTimeout: then the items stay claimed until the lease runs out.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        # Locks the lease, then items, then runs: the order in which a claim locks them.
        paused = note_how_the_shop_does(conn, store_id, result)
        lock_items(conn, store_id)
        if not holds_claim(conn, store_id, claim.id):
            _request_again(conn, store_id, claim, result)
            return Verdicts()
        owners = get_owners(conn, store_id, result.wc_product_ids)
        result = replace(result, results=refuse_taken_products(result.results, owners))
        verdicts = decide_items(result.results, claim.id, result.spent, datetime.now(UTC), paused)
        completed = complete_items(conn, store_id, claim.id, verdicts.completed, result.spent)
        failed = fail_items(conn, store_id, claim.id, verdicts.failed, result.spent)
        superseded = return_items(conn, store_id, verdicts.returned, result.spent) if verdicts.returned else []
        count_ended_items(conn, store_id, succeeded=[*completed, *superseded], failed=failed)
        _save_mappings(conn, store_id, claim, result)
        forget_taken_off(conn, store_id, _back_on_sale(claim, result))
    return verdicts


def note_how_the_shop_does(conn: Connection, store_id: UUID, result: ClaimResult) -> float:
    """Pause the store if its shop failed as a whole, and return the seconds; forget earlier failures if it works."""
    if result.shop_failure is not None:
        return pause_after_failure(conn, store_id, result.shop_failure)
    if result.shows_a_working_shop:
        forget_failures(conn, store_id)
    return 0.0


def pause_after_failure(conn: Connection, store_id: UUID, error: PlatformError) -> float:
    """Pause the store after one more failure of its shop; returns the seconds."""
    failures = count_failure(conn, store_id)
    seconds = pause_seconds(failures, error)
    pause_store(conn, store_id, seconds)
    log.warning("shop_paused", code=error.code, failures=failures, seconds=seconds)
    return seconds


def _request_again(conn: Connection, store_id: UUID, claim: ItemClaim, result: ClaimResult) -> None:
    # Another process has the items, and may have sent a newer state before this call's older one reached the shop.
    # Comparing once more puts the shop right; categories are not compared, and so are sent in any case.
    items = [*claim.category_items, *(item for task in claim.tasks for item in task.items)] if result.calls else []
    origin = {"source": "late"}
    request_products(
        conn, store_id, [(one.product_id, one.sync_type) for one in items if one.product_id], Origin(origin)
    )
    request_categories(
        conn, store_id, [one.category_id for one in items if one.category_id], Origin(origin, force=True)
    )
    log.warning("answer_too_late", items=len(items))


def _save_mappings(conn: Connection, store_id: UUID, claim: ItemClaim, result: ClaimResult) -> None:
    deleted = [(_product_id(one), one.deleted_wc_id) for one in result.refused if one.deleted_wc_id is not None]
    delete_mappings(conn, store_id, deleted)
    forget_create_begun(conn, store_id, [_product_id(one) for one in result.refused if one.is_not_ours])
    if result.calls:
        # A rate-limited call changed nothing in the shop; any other failed one may have.
        unconfirmed = [one for one in result.refused if not isinstance(one.error, RateLimitError)]
        forget_unconfirmed(conn, store_id, [item for one in unconfirmed for item in one.items])
    _request_variations(conn, store_id, claim, result)
    looks = [ProductLook(new_id(), _product_id(one), one.look) for one in result.results if one.look is not None]
    save_looks(conn, store_id, sorted(looks, key=lambda look: look.product_id))
    weighed = {task.product_id: task.mapped for task in claim.tasks}
    reweigh(
        conn, store_id, [one.product_id for one in looks if weighs_otherwise(weighed.get(one.product_id), one.look)]
    )
    unseen = [one for one in result.refused if one.look is None or one.look.is_gone]
    failed = {item.product_id: one.error.message for one in unseen for item in one.items if item.product_id}
    mark_mappings_failed(conn, store_id, sorted(failed.items()))


def _request_variations(conn: Connection, store_id: UUID, claim: ItemClaim, result: ClaimResult) -> None:
    # Those that came before their product, or failed for the lack of it, can be sent now.
    seen = [one for one in result.results if isinstance(one, Done | Refused) and one.look and not one.look.is_gone]
    written = {_product_id(one) for one in seen}
    parents = [task.product_id for task in claim.tasks if task.product_id in written and task.has_variations]
    children = list_unmapped_variations(conn, store_id, parents) if parents else []
    request_products(conn, store_id, [(child, "product") for child in children], Origin({"source": "variable product"}))


def _back_on_sale(claim: ItemClaim, result: ClaimResult) -> list[UUID]:
    done = {_product_id(one) for one in result.results if isinstance(one, Done) and one.look and one.look.is_whole}
    return [
        task.product_id
        for task in claim.tasks
        if task.product_id in done and task.mapped and task.mapped.taken_off is not None and not task.is_discontinued
    ]


def refuse_taken_products(results: Sequence[Result], owners: Mapping[int, UUID]) -> list[Result]:
    """Refuse to map a product of the shop to a second product of the ERP. `owners`: who has these products so far."""
    taken = dict(owners)
    return [_unless_taken(result, taken) for result in results]


def _unless_taken(result: Result, taken: dict[int, UUID]) -> Result:
    if result.look is None:
        return result
    product_id = _product_id(result)
    if taken.setdefault(result.look.wc_product_id, product_id) == product_id:
        return result
    return Refused(result.items, WooCommerceApiError(errors.DUPLICATE_SKU, status=400, retryable=False))


def _product_id(result: Result) -> UUID:
    product_id = result.items[0].product_id
    assert product_id is not None
    return product_id
