"""Sends what waits for one shop until nothing is due: lease, then claim → call → record, a few calls at once.

No transaction is open during a call. A process that dies between a call and its record leaves its items claimed; whoever
takes the lease next lets them wait again, and sending them once more changes nothing.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.tenancy import tenant
from db.outbound.erp_categories import StoredCategory, save_sent_category
from db.outbound.push_leases import release_lease, renew_lease, take_lease
from workers.core.ids import new_id
from workers.core.queues import PUSH, count_waiting, push_mark
from workers.core.runtime import Runtime
from workers.outbound.planning.outcomes import Outcomes
from workers.outbound.sending.cache import remember
from workers.outbound.sending.claim import PRODUCTS_A_CALL, Claim, claim_next, return_orphans
from workers.outbound.sending.save_results import record
from workers.outbound.sending.send_categories import send_categories
from workers.outbound.sending.send_products import send_products
from workers.outbound.sending.shop_connection import CALLS_AT_ONCE, LeaseLost, Line
from workers.outbound.shop import open_woocommerce
from workers.platforms.woocommerce import errors

log = get_logger(__name__)

LEASE_SECONDS = 12.0  # so long after a worker's death nobody sends for its store
RENEW_SECONDS = 4.0
SAFETY_SECONDS = 3.0  # no call begins so shortly before the lease runs out
# While a call is on its way, the next claim is made and the last answer recorded: that takes more hands than calls.
HANDS = CALLS_AT_ONCE + 2
TURN_SECONDS = 20.0  # then the store queues again
FAIR_SECONDS = 5.0  # and after so long already, where another one waits
FEWEST_PRODUCTS = 10


class Outcome(enum.Enum):
    """What became of one turn."""

    DRAINED = "drained"
    MORE = "more"  # the turn is over; the store is enqueued again
    BUSY = "busy"  # another process sends for this store, or the shop asked for a pause
    LOST = "lost"  # the lease, or the database, went away in the middle


@dataclass(slots=True)
class _Turn:
    """What the hands of one turn share."""

    runtime: Runtime
    store_id: UUID
    holder: UUID
    line: Line
    fair_at: float
    ends_at: float
    most: int = PRODUCTS_A_CALL
    lost: bool = False
    claiming: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_over(self) -> bool:
        return self.lost or self.runtime.stopping.is_set() or time.monotonic() >= self.ends_at


def drain(runtime: Runtime, store_id: UUID) -> Outcome:
    """Take one turn at a store. Raises psycopg.Error and PoolTimeout only where not even the lease could be asked for."""
    _unmark(runtime, store_id)
    with structlog.contextvars.bound_contextvars(store_id=str(store_id)), _lease(runtime, store_id) as turn:
        if turn is None:
            return Outcome.BUSY
        began = time.monotonic()
        _work(turn)
        outcome = _outcome(turn)
        log.info("push_turn_ended", outcome=outcome.value, seconds=round(time.monotonic() - began, 4))
    if outcome is Outcome.MORE:
        runtime.wake_up.push(store_id)
    return outcome


def _outcome(turn: _Turn) -> Outcome:
    if turn.lost:
        return Outcome.LOST
    return Outcome.MORE if turn.is_over else Outcome.DRAINED


def _unmark(runtime: Runtime, store_id: UUID) -> None:
    """From here on a new wake-up means new work."""
    try:
        runtime.wake_up.redis.delete(push_mark(store_id))
    except RedisError as error:
        runtime.wake_up.rest(error)


@contextmanager
def _lease(runtime: Runtime, store_id: UUID) -> Iterator[_Turn | None]:
    """The turn of whoever sends for the store, or None; given back at the end."""
    holder, asked_at = new_id(), time.monotonic()
    if not _take(runtime, store_id, holder):
        yield None
        return
    line = Line(open_woocommerce(runtime, store_id), asked_at + LEASE_SECONDS - SAFETY_SECONDS)
    try:
        began = time.monotonic()
        yield _Turn(runtime, store_id, holder, line, began + FAIR_SECONDS, began + TURN_SECONDS)
    finally:
        line.close()
        _give_back(runtime, store_id, holder)


def _take(runtime: Runtime, store_id: UUID, holder: UUID) -> bool:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        taken = take_lease(conn, store_id, holder, LEASE_SECONDS)
        orphans = return_orphans(conn, store_id, holder) if taken else 0
    if orphans:
        log.warning("interrupted_items_found", items=orphans)
    return taken


def _give_back(runtime: Runtime, store_id: UUID, holder: UUID) -> None:
    try:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            release_lease(conn, store_id, holder)
    except Exception as error:
        if not is_retryable(error):
            raise
        log.warning("lease_not_released", **safe_facts(error))  # it runs out by itself


def _work(turn: _Turn) -> None:
    """Several hands at once; this thread keeps the lease alive meanwhile."""
    hands = [threading.Thread(target=_hand, args=(turn,), name=f"push-{number}") for number in range(HANDS)]
    for hand in hands:
        hand.start()
    renewed_at = time.monotonic()
    while any(hand.is_alive() for hand in hands):
        for hand in hands:
            hand.join(timeout=0.05)
        if time.monotonic() >= renewed_at + RENEW_SECONDS:
            renewed_at = time.monotonic()
            _guarded(turn, partial(_renew, turn, renewed_at))
        if not turn.is_over and time.monotonic() >= turn.fair_at and _others_wait(turn.runtime):
            turn.ends_at = turn.fair_at


def _others_wait(runtime: Runtime) -> bool:
    if runtime.wake_up.is_resting:
        return False
    try:
        return count_waiting(runtime.wake_up.redis, PUSH) > 0
    except RedisError as error:
        runtime.wake_up.rest(error)
        return False


def _renew(turn: _Turn, asked_at: float) -> None:
    with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        renewed = renew_lease(conn, turn.store_id, turn.holder, LEASE_SECONDS)
    if renewed:
        turn.line.good_until = asked_at + LEASE_SECONDS - SAFETY_SECONDS
    else:
        turn.lost = True


def _hand(turn: _Turn) -> None:
    with structlog.contextvars.bound_contextvars(store_id=str(turn.store_id)):
        _guarded(turn, partial(_carry_on, turn))


def _guarded(turn: _Turn, step: Callable[[], None]) -> None:
    """A hand that fails ends the turn: what it held goes on to whoever has the lease next."""
    try:
        step()
    except LeaseLost:
        turn.lost = True
        log.warning("lease_lost")
    except Exception as error:
        turn.lost = True
        log.error("push_failed", exc_info=None if is_retryable(error) else error, **safe_facts(error))


def _carry_on(turn: _Turn) -> None:
    while not turn.is_over:
        claim = _claim(turn)
        if claim is None:
            return
        _send(turn, claim)


def _claim(turn: _Turn) -> Claim | None:
    """One hand after the other, so that each gets what is first in line."""
    with turn.claiming, turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
        return claim_next(conn, turn.store_id, turn.holder, turn.most)


def _send(turn: _Turn, claim: Claim) -> None:
    outcomes = Outcomes()
    if claim.category_items:
        send_categories(turn.line, claim.category_items, claim.categories, outcomes, _saver(turn))
    else:
        send_products(turn.line, claim.tasks, claim.categories, outcomes, _saver(turn))
    recorded = record(turn.runtime.pool, turn.store_id, claim, outcomes)
    if any(one.error.code == errors.PLATFORM_TIMED_OUT for one in outcomes.refused):
        turn.most = max(turn.most // 2, FEWEST_PRODUCTS)
    remember(turn.runtime.wake_up, turn.store_id, claim, outcomes, turn.runtime.settings.push_cache_seconds)
    log.info(
        "claim_sent",
        completed=recorded.completed,
        failed=recorded.failed,
        returned=recorded.returned,
        late=recorded.late,
        calls=outcomes.calls,
        platform_seconds=round(outcomes.platform_seconds, 3),
    )


def _saver(turn: _Turn) -> Callable[[StoredCategory], None]:
    """Keeps the shop's id of a category at once: the next call may need it."""

    def saved(category: StoredCategory) -> None:
        assert category.wc_category_id is not None
        with turn.runtime.pool.connection() as conn, tenant(conn, turn.store_id):
            save_sent_category(conn, turn.store_id, category.category_id, category.wc_category_id, category.sent_hash)

    return saved
