"""The pull engine: takes one turn at a pull, page by page, for any platform.

A page is fetched outside any transaction, stored, and applied while the next one is being fetched. Each step is a transaction
that fails if the pull was paused, ended or taken over, so two workers on one pull do no harm. A killed worker loses at most
the page that it was fetching.
"""

from __future__ import annotations

import enum
import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
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
from workers.pulls.apply_page import LEASE_SECONDS, ActivePull, apply_pending, store_page
from workers.pulls.watermark import parse_window

log = get_logger(__name__)

RENEW_SECONDS = 2.0
DELAYS = (2.0, 6.0, 20.0, 60.0)  # after the first, second … failed attempt in a row
JITTER = 0.2

OpenShop = Callable[[Runtime, UUID], Shop]


class Turn(enum.Enum):
    """The result of one turn."""

    COMPLETED = "completed"
    YIELDED = "yielded"
    NOT_OURS = "not_ours"  # not due, paused, ended, or another worker has it
    RETRYING = "retrying"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched page: the seconds that it took, and our own clock when it was asked for."""

    page: Page
    total: int | None
    seq: int
    asked_at: datetime
    seconds: float


class RunLost(Exception):
    """The pull was paused or ended, or another worker has it."""


def pull(runtime: Runtime, store_id: UUID, log_id: UUID, open_shop: OpenShop) -> Turn:
    """Take one turn at a pull: until it ends, or its time is up and it is enqueued again."""
    max_attempts = runtime.settings.max_attempts
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        begun = begin_pull(conn, store_id, log_id, max_attempts, LEASE_SECONDS)
    if begun is None:
        return Turn.NOT_OURS
    worker = Worker(store_id, log_id, begun.epoch)
    with structlog.contextvars.bound_contextvars(
        store_id=str(store_id), log_id=str(log_id), epoch=begun.epoch, request_id=begun.request_id
    ):
        run, began = ActivePull.resumed(runtime, worker, begun), time.monotonic()
        turn = _run_turn(run, begun, open_shop)
        seconds = round(time.monotonic() - began, 4)
        log.info("pull_turn_ended", outcome=turn.value, pages=run.pages, records=run.received, seconds=seconds)
        return turn


def _run_turn(run: ActivePull, begun: BegunPull, open_shop: OpenShop) -> Turn:
    try:
        shop = open_shop(run.runtime, run.worker.store_id)
        try:
            return _fetch_and_apply(run, shop)
        finally:
            shop.close()
    except RunLost:
        return Turn.NOT_OURS
    except Exception as error:
        return _record_failure(run, begun.attempts if run.steps == 0 else 1, error)


def _fetch_and_apply(run: ActivePull, shop: Shop) -> Turn:
    # Memory stays bounded: one page is being applied, and at most one is being fetched.
    deadline = time.monotonic() + run.runtime.settings.pull_turn_seconds
    fetcher = ThreadPoolExecutor(1, "fetch")
    try:
        while True:
            beat(run.runtime.settings.data_dir, "worker")
            is_time_up = run.runtime.stopping.is_set() or time.monotonic() > deadline
            fetching = None if run.is_fetched or is_time_up else _start_fetch(run, shop, fetcher)
            if run.pending is not None and not apply_pending(run):
                raise RunLost
            if run.is_completed:
                return Turn.COMPLETED
            if fetching is None:
                return _yield(run)
            fetched = _wait_for_page(run, fetching)
            if not store_page(run, fetched.page, fetched.total, fetched.seq, fetched.asked_at, fetched.seconds):
                raise RunLost
    finally:
        fetcher.shutdown(wait=False, cancel_futures=True)


def _start_fetch(run: ActivePull, shop: Shop, fetcher: ThreadPoolExecutor) -> Future[Fetched]:
    # Taken before the call: whatever is accepted after it may be newer than the page.
    seq = run.next_seq
    if seq is None:
        with run.runtime.pool.connection() as conn:
            seq = get_next_seq(conn)
    window = parse_window(run.windows[run.window_no])
    source = shop.source(run.entity, window)
    is_long = run.pages == 0 and window.updated_from is None  # worth an extra call for the total
    cursor = run.cursor

    def fetch() -> Fetched:
        began, asked_at = time.monotonic(), datetime.now(UTC)
        page = source.fetch(cursor)
        seconds = time.monotonic() - began
        total = shop.count(run.entity, window) if is_long and page.total is None and page.cursor else page.total
        return Fetched(page, total, seq, asked_at, seconds)

    return fetcher.submit(fetch)


def _wait_for_page(run: ActivePull, fetching: Future[Fetched]) -> Fetched:
    while True:
        try:
            return fetching.result(timeout=RENEW_SECONDS)
        except StillRunning:
            if fetching.done():
                raise
        beat(run.runtime.settings.data_dir, "worker")
        with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
            set_asynchronous_commit(conn)
            if not renew_lease(conn, run.worker, LEASE_SECONDS):
                raise RunLost


def _yield(run: ActivePull) -> Turn:
    with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
        ticket = yield_pull(conn, run.worker)
    if ticket is None:
        raise RunLost
    run.runtime.wake_up.enqueue([ticket])
    return Turn.YIELDED


def plan_retry(error: Exception, attempts: int, most_attempts: int) -> tuple[Verdict, float]:
    """What a failure means, and the seconds until the next attempt. `attempts` counts those in a row without a page."""
    delay = DELAYS[min(attempts, len(DELAYS)) - 1]
    if not isinstance(error, PlatformError):
        return verdict_on(error), delay
    retry = error.retryable and attempts < most_attempts
    return Verdict(retry, error.code, error.message), max(delay, error.retry_after or 0.0)


def _record_failure(run: ActivePull, attempts: int, error: Exception) -> Turn:
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
        # The lease runs out, and the dispatcher finds the run.
        log.warning("verdict_not_written", **safe_facts(second))
    return Turn.RETRYING if verdict.retry else Turn.FAILED
