"""Pushes a store's changes to its shop until nothing is due: takes the lease, then runs claim → send → save in threads.

No transaction is open during a call. A process that dies between a call and the saving of its results leaves its items
claimed; the next holder of the lease requeues them, and sending them again changes nothing.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.tenancy import tenant
from db.outbound.discontinued import save_taken_off
from db.outbound.erp_categories import StoredCategory, save_sent_category
from db.outbound.erp_products import mark_create_begun
from db.outbound.push_leases import get_failures, get_pace, release_lease, renew_lease, take_lease
from workers.core.ids import new_id
from workers.core.queues import PUSH, count_waiting, push_mark
from workers.core.runtime import Runtime
from workers.outbound.planning.pacing import CALLS_AT_ONCE
from workers.outbound.sending.cache import cache_results
from workers.outbound.sending.call_gate import CallGate, most_claims
from workers.outbound.sending.check_drift import check_drift
from workers.outbound.sending.claim import ItemClaim, claim_next
from workers.outbound.sending.interrupted import requeue_interrupted
from workers.outbound.sending.save_results import pause_after_failure, save_results
from workers.outbound.sending.send_claim import send_claim
from workers.outbound.sending.shop_connection import LeaseLost, ShopCalls, ShopConnection
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient
from workers.platforms.woocommerce.errors import concerns_whole_shop
from workers.shops.opener import open_store_woocommerce

log = get_logger(__name__)

LEASE_SECONDS = 12.0  # also how long its store waits after a worker died
RENEW_SECONDS = 4.0
SAFETY_SECONDS = 3.0  # no call begins so shortly before the lease runs out
WAIT_SECONDS = 1.0
TURN_SECONDS = 20.0  # then the store is enqueued again
FAIR_SECONDS = 5.0  # as soon as this, if another store waits


class PushOutcome(enum.Enum):
    """How one turn ended."""

    DRAINED = "drained"
    MORE = "more"  # the turn is over; the store is enqueued again
    BUSY = "busy"  # another process sends for this store, or the shop asked for a pause
    LOST = "lost"  # the lease, or the database, went away


@dataclass(slots=True)
class _PushTurn:
    """What the threads of one turn share. At `renewed_at` its lease was last asked for."""

    runtime: Runtime
    store_id: UUID
    holder: UUID
    connection: ShopConnection
    renewed_at: float
    fair_at: float
    ends_at: float
    lost: bool = False
    claiming: threading.Lock = field(default_factory=threading.Lock)
    checking: threading.Lock = field(default_factory=threading.Lock)
    saved: threading.Condition = field(default_factory=threading.Condition)
    in_flight: int = 0  # claims that are being sent

    @property
    def is_over(self) -> bool:
        return self.lost or self.runtime.stopping.is_set() or time.monotonic() >= self.ends_at

    @property
    def outcome(self) -> PushOutcome:
        if self.lost:
            return PushOutcome.LOST
        return PushOutcome.MORE if self.is_over else PushOutcome.DRAINED


def push_store(runtime: Runtime, store_id: UUID) -> PushOutcome:
    """Take one turn at a store. Raises psycopg.Error and PoolTimeout only if the lease could not be asked for."""
    try:
        runtime.wake_up.redis.delete(push_mark(store_id))  # from here on, a wake-up means new work
    except RedisError as error:
        runtime.wake_up.rest(error)
    with structlog.contextvars.bound_contextvars(store_id=str(store_id)), _lease(runtime, store_id) as turn:
        if turn is None:
            return PushOutcome.BUSY
        if not _shop_is_back(turn):
            return PushOutcome.LOST if turn.lost else PushOutcome.BUSY
        began = time.monotonic()
        _run_threads(turn)
        outcome = turn.outcome
        log.info("push_turn_ended", outcome=outcome.value, seconds=round(time.monotonic() - began, 4))
    if outcome is PushOutcome.MORE:
        runtime.wake_up.push(store_id)
    return outcome


@contextmanager
def _lease(runtime: Runtime, store_id: UUID) -> Iterator[_PushTurn | None]:
    holder, asked_at = new_id(), time.monotonic()
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        taken = take_lease(conn, store_id, holder, LEASE_SECONDS)
        interrupted = requeue_interrupted(conn, store_id, holder) if taken else 0
        pace = get_pace(conn, store_id)
    if interrupted:
        log.warning("interrupted_items_found", items=interrupted)
    if not taken:
        yield None
        return
    gate = CallGate(pace.products_at_once, pace.calls_limit or CALLS_AT_ONCE)
    connection = ShopConnection(_open(runtime, store_id), asked_at + LEASE_SECONDS - SAFETY_SECONDS, gate)
    try:
        began = time.monotonic()
        yield _PushTurn(runtime, store_id, holder, connection, asked_at, began + FAIR_SECONDS, began + TURN_SECONDS)
    finally:
        connection.close()
        _release(runtime, store_id, holder, gate.products_at_once)


def _shop_is_back(turn: _PushTurn) -> bool:
    """Whether items may be sent: if the shop failed before, a probe finds out, and prolongs the pause."""
    pool, store_id = turn.runtime.pool, turn.store_id
    with pool.connection() as conn, tenant(conn, store_id):
        failures = get_failures(conn, store_id)
    if failures == 0 or isinstance(turn.connection.shop, PlatformError):
        return True
    try:
        ShopCalls(turn.connection).read(lambda shop: shop.probe())
    except LeaseLost:
        turn.lost = True
        log.warning("lease_lost")
        return False
    except PlatformError as error:
        if concerns_whole_shop(error):
            with pool.connection() as conn, tenant(conn, store_id):
                pause_after_failure(conn, store_id, error)
            return False
        # It answers; what it refuses is the items' affair.
    _guarded(turn, _renew)  # the probe may have taken long
    return not turn.lost


def _open(runtime: Runtime, store_id: UUID) -> WooCommerceClient | PlatformError:
    try:
        return open_store_woocommerce(runtime.settings, runtime.pool, store_id)
    except PlatformError as error:
        return error  # the result of each item that waits


def _release(runtime: Runtime, store_id: UUID, holder: UUID, products_at_once: int) -> None:
    try:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            release_lease(conn, store_id, holder, products_at_once)
    except Exception as error:
        if not is_retryable(error):
            raise
        log.warning("lease_not_released", **safe_facts(error))  # it runs out by itself


def _run_threads(turn: _PushTurn) -> None:
    # Several threads send; this one renews the lease.
    threads = [
        threading.Thread(target=_guarded, args=(turn, _push_claims), name=f"push-{number}")
        for number in range(count_threads(turn.connection.gate))
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if time.monotonic() >= turn.renewed_at + RENEW_SECONDS:  # at once, if the turn was slow to begin
            _guarded(turn, _renew)
        for thread in threads:
            thread.join(timeout=0.05)
        if not turn.is_over and time.monotonic() >= turn.fair_at and _another_store_waits(turn.runtime):
            turn.ends_at = turn.fair_at


def count_threads(gate: CallGate) -> int:
    """How many threads a turn needs at most: the gate lets fewer of them claim if the shop is slow."""
    return most_claims(gate.calls_limit)


def _guarded(turn: _PushTurn, step: Callable[[_PushTurn], None]) -> None:
    # A failure ends the turn: the next holder of the lease takes the items over.
    with structlog.contextvars.bound_contextvars(store_id=str(turn.store_id)):
        try:
            step(turn)
        except LeaseLost:
            turn.lost = True
            log.warning("lease_lost")
        except Exception as error:
            turn.lost = True
            log.error("push_failed", exc_info=None if is_retryable(error) else error, **safe_facts(error))


def _renew(turn: _PushTurn) -> None:
    asked_at = time.monotonic()
    with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        renewed = renew_lease(conn, turn.store_id, turn.holder, LEASE_SECONDS)
    turn.renewed_at = asked_at
    if renewed:
        turn.connection.good_until = asked_at + LEASE_SECONDS - SAFETY_SECONDS
    else:
        turn.lost = True


def _another_store_waits(runtime: Runtime) -> bool:
    if runtime.wake_up.is_resting:
        return False
    try:
        return count_waiting(runtime.wake_up.redis, PUSH) > 0
    except RedisError as error:
        runtime.wake_up.rest(error)
        return False


def _push_claims(turn: _PushTurn) -> None:
    gate = turn.connection.gate
    while not turn.is_over:
        with gate.claim():
            # One thread at a time claims, so that each gets the most urgent items.
            with turn.claiming:
                with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
                    claim = claim_next(conn, turn.store_id, turn.holder, gate.products_a_call)
                if claim is not None:
                    with turn.saved:
                        turn.in_flight += 1
                        turn.saved.notify()  # there may be more for another thread
            if claim is not None:
                try:
                    _push_claim(turn, claim)
                finally:
                    with turn.saved:
                        turn.in_flight -= 1
                        # One thread looks for work, or all end.
                        turn.saved.notify(1 if turn.in_flight else count_threads(gate))
        if claim is None and not _wait_for_others(turn) and not _check_drift(turn):
            return


def _wait_for_others(turn: _PushTurn) -> bool:
    """Wait until another thread has saved a claim, whose items may be due again. False if none has one."""
    with turn.saved:
        if turn.in_flight:
            turn.saved.wait(WAIT_SECONDS)
            return True
        return False


def _check_drift(turn: _PushTurn) -> bool:
    """Make one step of a drift check, once nothing else is to do. False if none is due, or another thread makes one."""
    if not turn.checking.acquire(blocking=False):
        return False
    try:
        return check_drift(turn.runtime.pool, turn.store_id, turn.connection)
    finally:
        turn.checking.release()


def _push_claim(turn: _PushTurn, claim: ItemClaim) -> None:
    runtime, store_id = turn.runtime, turn.store_id
    result = send_claim(
        turn.connection,
        claim,
        lambda category: _save_category(turn, category),
        lambda product_ids: _begin_creates(turn, product_ids),
        lambda befores: _begin_taking_off(turn, befores),
    )
    saved = save_results(runtime.pool, store_id, claim, result)
    cache_results(runtime.wake_up, store_id, claim, result, runtime.settings.push_cache_seconds)
    log.info(
        "claim_sent",
        completed=len(saved.completed),
        failed=len(saved.failed),
        returned=len(saved.returned),
        late=saved.late,
        calls=result.calls,
        platform_seconds=round(result.spent.platform, 3),
        at_once=turn.connection.gate.products_at_once,
    )


def _save_category(turn: _PushTurn, category: StoredCategory) -> None:
    assert category.wc_category_id is not None
    with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        save_sent_category(conn, turn.store_id, category.category_id, category.wc_category_id, category.sent_hash)


def _begin_creates(turn: _PushTurn, product_ids: Sequence[UUID]) -> None:
    with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        mark_create_begun(conn, turn.store_id, product_ids)


def _begin_taking_off(turn: _PushTurn, befores: Mapping[UUID, Mapping[str, Any]]) -> None:
    with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        save_taken_off(conn, turn.store_id, befores)
