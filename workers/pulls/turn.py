"""The pull engine: one turn at a run, page by page, for any platform.

A page is fetched with no transaction open, kept, and then applied while the next one is being fetched. Each step is a
transaction of its own that is refused where the run was paused, ended, or taken over, so that two workers on one run do no
harm; a worker that is killed costs at most the one page that was on its way.
"""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog

from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.session import set_asynchronous_commit
from db.core.tenancy import tenant
from db.pulls.pages import get_next_seq
from db.pulls.turns import BegunPull, Worker, begin_pull, fail_pull, postpone_pull, renew_lease, yield_pull
from workers.core.heartbeat import beat
from workers.core.runtime import Runtime
from workers.inbound.attempts import Verdict, verdict_on
from workers.platforms.common.interface import Page, PlatformError, Shop
from workers.pulls.apply_page import LEASE_SECONDS, Run, apply_pending, keep
from workers.pulls.watermark import window_of

log = get_logger(__name__)

SIGN_OF_LIFE_SECONDS = 2.0
DELAYS = (2.0, 6.0, 20.0, 60.0)  # after the first, second … attempt in a row that came to nothing
JITTER = 0.2

OpenShop = Callable[[Runtime, UUID], Shop]


class Turn(enum.Enum):
    """What became of one turn at a run."""

    COMPLETED = "completed"
    YIELDED = "yielded"
    NOT_OURS = "not_ours"  # not due, paused, ended, or in another worker's hands
    RETRYING = "retrying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer: how long it took, and what our own clock said when it was asked for."""

    page: Page
    total: int | None
    seq: int
    asked_at: datetime
    seconds: float


class NotOurs(Exception):
    """The run was paused or ended, or another works on it."""


def pull(runtime: Runtime, store_id: UUID, log_id: UUID, open_shop: OpenShop) -> Turn:
    """Take one turn at a run: until it ends, or time is up and it queues again."""
    most = runtime.settings.max_attempts
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        begun = begin_pull(conn, store_id, log_id, most, LEASE_SECONDS)
    if begun is None:
        return Turn.NOT_OURS
    worker = Worker(store_id, log_id, begun.epoch)
    with structlog.contextvars.bound_contextvars(
        store_id=str(store_id), log_id=str(log_id), epoch=begun.epoch, request_id=begun.request_id
    ):
        run, began = Run.resumed(runtime, worker, begun), time.monotonic()
        turn = _turn(run, begun, open_shop)
        seconds = round(time.monotonic() - began, 4)
        log.info("pull_turn_ended", outcome=turn.value, pages=run.pages, records=run.received, seconds=seconds)
        return turn


def _turn(run: Run, begun: BegunPull, open_shop: OpenShop) -> Turn:
    """The adapter around the work: every failure becomes a verdict in the log."""
    try:
        shop = open_shop(run.runtime, run.worker.store_id)
        try:
            return _work(run, shop)
        finally:
            shop.close()
    except NotOurs:
        return Turn.NOT_OURS
    except Exception as error:
        return _record_failure(run, begun.attempts if run.steps == 0 else 1, error)


def _work(run: Run, shop: Shop) -> Turn:
    """Fetch ahead by one page. At no moment is more than one page in hand and one on its way."""
    deadline = time.monotonic() + run.runtime.settings.pull_turn_seconds
    fetcher = ThreadPoolExecutor(1, "fetch")
    try:
        while True:
            beat(run.runtime.settings.data_dir, "worker")
            on_its_way = None if run.is_fetched or _time_is_up(run, deadline) else _start_fetch(run, shop, fetcher)
            if run.pending is not None and not apply_pending(run):
                raise NotOurs
            if run.is_completed:
                return Turn.COMPLETED
            if on_its_way is None:
                return _yield(run)
            fetched = _wait(run, on_its_way)
            if not keep(run, fetched.page, fetched.total, fetched.seq, fetched.asked_at, fetched.seconds):
                raise NotOurs
    finally:
        fetcher.shutdown(wait=False, cancel_futures=True)


def _time_is_up(run: Run, deadline: float) -> bool:
    return run.runtime.stopping.is_set() or time.monotonic() > deadline


def _start_fetch(run: Run, shop: Shop, fetcher: ThreadPoolExecutor) -> Future[Fetched]:
    """The page has its place in the order of acceptance before it is asked for: whatever is accepted later may be newer."""
    seq = run.next_seq or _next_seq(run)
    window = window_of(run.windows[run.window_no])
    source = shop.source(run.entity, window)
    is_long = run.pages == 0 and window.updated_from is None  # worth a call that tells how long
    cursor = run.cursor

    def fetch() -> Fetched:
        began, asked_at = time.monotonic(), datetime.now(UTC)
        page = source.fetch(cursor)
        seconds = time.monotonic() - began
        total = shop.count(run.entity, window) if is_long and page.total is None and page.cursor else page.total
        return Fetched(page, total, seq, asked_at, seconds)

    return fetcher.submit(fetch)


def _next_seq(run: Run) -> int:
    with run.runtime.pool.connection() as conn:
        return get_next_seq(conn)


def _wait(run: Run, on_its_way: Future[Fetched]) -> Fetched:
    """The answer, however long the platform takes; meanwhile the run shows that somebody works on it."""
    while True:
        try:
            return on_its_way.result(timeout=SIGN_OF_LIFE_SECONDS)
        except NotYet:
            if on_its_way.done():
                raise
            _show_life(run)


def _show_life(run: Run) -> None:
    beat(run.runtime.settings.data_dir, "worker")
    with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
        set_asynchronous_commit(conn)
        if not renew_lease(conn, run.worker, LEASE_SECONDS):
            raise NotOurs


def _yield(run: Run) -> Turn:
    with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
        ticket = yield_pull(conn, run.worker)
    if ticket is None:
        raise NotOurs
    run.runtime.wake_up.enqueue([ticket])
    return Turn.YIELDED


def plan_retry(error: Exception, attempts: int, most_attempts: int) -> tuple[Verdict, float]:
    """What a failure means, and how long to wait before the next attempt. Attempts count in a row, without a page between."""
    delay = DELAYS[min(attempts, len(DELAYS)) - 1]
    if not isinstance(error, PlatformError):
        return verdict_on(error), delay
    retry = error.retryable and attempts < most_attempts
    return Verdict(retry, error.code, error.message), max(delay, error.retry_after or 0.0)


def _record_failure(run: Run, attempts: int, error: Exception) -> Turn:
    verdict, delay = plan_retry(error, attempts, run.runtime.settings.max_attempts)
    facts = {} if isinstance(error, PlatformError) else {"exc_info": error, **safe_facts(error)}
    log.warning("pull_interrupted", code=verdict.code, retry=verdict.retry, pages=run.pages, **facts)
    try:
        with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
            if verdict.retry:
                delay *= 1 + JITTER * random.random()  # noqa: S311 - spreads load, guards nothing
                postpone_pull(conn, run.worker, delay, verdict.code, verdict.message)
            else:
                fail_pull(conn, run.worker, verdict.code, verdict.message)
    except Exception as second:
        if not is_retryable(second):
            raise
        # The database is away: the lease runs out, and the dispatcher finds the run.
        log.warning("verdict_not_written", **safe_facts(second))
    return Turn.RETRYING if verdict.retry else Turn.FAILED
