"""Stores and applies one page of a pull; applying the last page ends the pull."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection

from app.settings.logs import get_logger
from db.catalogue.staged_upsert import ConcurrentChange, Versioned
from db.core.session import set_asynchronous_commit
from db.core.tenancy import tenant
from db.outbound.order_events import note_received_orders
from db.pulls.pages import AppliedPage, Stash, claim_page, finish_page, stash_page
from db.pulls.turns import BegunPull, Worker
from db.sync.logs import Claim
from db.sync.record_errors import add_record_errors
from db.sync.stale_arrivals import upsert_stale_arrivals
from schemas.base.privacy import email_hasher
from workers.core.runtime import Runtime
from workers.inbound.apply import Applied, apply_batch
from workers.inbound.plan import own_time
from workers.platforms.common.interface import Page
from workers.pulls.end import complete
from workers.pulls.page import read_page, versions_of
from workers.pulls.page_codec import FetchedPage, decode_page, encode_page, split_page
from workers.pulls.watermark import clock_before, in_order, late_by

log = get_logger(__name__)

LEASE_SECONDS = 8.0  # a worker that does not renew for so long loses its pull
REPLANS = 10


@dataclass(slots=True)
class ActivePull:
    """A pull and its state in the worker. `pending` is stored in the database, and not applied yet."""

    runtime: Runtime
    worker: Worker
    entity: str
    platform: str
    mode: str
    windows: list[dict[str, Any]]
    max_records: int | None
    base_watermark: datetime | None
    window_no: int
    cursor: str | None
    is_fetched: bool
    pages: int
    fetched: int
    received: int
    in_order: bool
    read_to: datetime | None
    pending: FetchedPage[Any] | None
    next_seq: int | None = None  # of the page that is fetched next, if it has one already
    is_completed: bool = False
    steps: int = 0  # pages stored or applied in this turn
    stepped_at: float = field(default_factory=time.monotonic)

    @classmethod
    def resumed(cls, runtime: Runtime, worker: Worker, begun: BegunPull) -> ActivePull:
        return cls(
            runtime=runtime,
            worker=worker,
            entity=begun.entity,
            platform=begun.platform,
            mode=begun.mode,
            windows=begun.windows,
            max_records=begun.max_records,
            base_watermark=begun.base_watermark,
            window_no=begun.window_no,
            cursor=begun.cursor,
            is_fetched=begun.is_fetched,
            pages=begun.pages,
            fetched=begun.fetched,
            received=begun.received,
            in_order=begun.in_order,
            read_to=begun.read_to,
            pending=decode_page(begun.entity, begun.page) if begun.page is not None else None,
        )


@dataclass(frozen=True, slots=True)
class NextFetch:
    """Where to fetch next."""

    window_no: int
    cursor: str | None
    is_fetched: bool

    @property
    def kept(self) -> dict[str, Any]:
        return {"windowNo": self.window_no, "cursor": self.cursor, "isFetched": self.is_fetched}


def next_fetch(run: ActivePull, page: Page) -> NextFetch:
    if page.cursor is not None:
        return NextFetch(run.window_no, page.cursor, False)
    last = run.window_no + 1 >= len(run.windows)
    return NextFetch(run.window_no if last else run.window_no + 1, None, last)


def limit_page(
    page: FetchedPage[Any], following: NextFetch, allowed: int | None
) -> tuple[FetchedPage[Any], NextFetch, dict[str, Any] | None, FetchedPage[Any] | None]:
    """Cut a page to what max_records still allows: the part to use, where to continue, and the rest for another pull."""
    if allowed is None or page.received < allowed or (page.received == allowed and following.is_fetched):
        return page, following, None, None
    used, unused = split_page(page, allowed)
    return used, NextFetch(following.window_no, following.cursor, True), following.kept, unused


def store_page(run: ActivePull, page: Page, total: int | None, seq: int, own_clock: datetime, seconds: float) -> bool:
    """Make a fetched page durable, without unknown fields and e-mail addresses, and move the cursor behind it.

    False if the worker lost the pull. The commit is asynchronous: a page that a crash loses is fetched again.
    """
    hasher = email_hasher(run.runtime.settings.email_hash_key)
    asked_at = clock_before(page.server_time, seconds, own_clock)
    read = read_page(run.platform, run.entity, page.records, seq, asked_at, hasher)
    whole = replace(read, in_order=page.in_order)
    allowed = None if run.max_records is None else run.max_records - run.fetched
    used, following, rest, unused = limit_page(whole, next_fetch(run, page), allowed)
    stash = Stash(
        pages=run.pages,
        page=encode_page(used),
        records=used.received,
        window_no=following.window_no,
        cursor=following.cursor,
        is_fetched=following.is_fetched,
        total=total,
        watermark=asked_at,
        rest=rest,
        rest_page=encode_page(unused) if unused else None,
        seconds=time.monotonic() - run.stepped_at,
    )
    # The platform waits meanwhile, so statements are sent together.
    with run.runtime.pool.connection() as conn, conn.pipeline(), tenant(conn, run.worker.store_id):
        set_asynchronous_commit(conn)
        run.next_seq = stash_page(conn, run.worker, stash, LEASE_SECONDS)
    if run.next_seq is None:
        return False
    run.window_no, run.cursor, run.is_fetched = following.window_no, following.cursor, following.is_fetched
    run.pages, run.fetched, run.pending = run.pages + 1, run.fetched + used.received, used
    run.steps, run.stepped_at = run.steps + 1, time.monotonic()
    return True


def apply_pending(run: ActivePull) -> bool:
    """Apply rows, counts and errors of the pending page in one transaction; after the last page, end the pull in it, too.

    False if the worker lost the pull. Plans again if rows changed since the plan was made.
    """
    page = run.pending
    if page is None:
        raise RuntimeError("there is a page to apply")
    for _ in range(REPLANS):
        try:
            with run.runtime.pool.connection() as conn, tenant(conn, run.worker.store_id):
                if not claim_page(conn, run.worker):
                    return False
                applied = _apply(conn, run, page)
                if run.is_fetched:
                    complete(conn, run.worker, run.entity, run.mode)
            break
        except ConcurrentChange:
            log.info("page_replanned")
    else:
        raise psycopg.errors.SerializationFailure
    run.pending, run.received, run.is_completed = None, run.received + page.received, run.is_fetched
    run.read_to, run.in_order = applied.newest or run.read_to, applied.in_order
    run.steps += 1
    log.info("pull_page_applied", records=page.received, page=run.pages, completed=run.is_completed)
    return True


def _apply(conn: Connection, run: ActivePull, page: FetchedPage[Any]) -> AppliedPage:
    valid, errors = versions_of(page, run.received)
    claim = Claim(run.worker.log_id, page.seq, page.asked_at, run.entity, run.mode, run.platform)
    applied = apply_batch(conn, run.worker.store_id, claim, valid)
    add_record_errors(conn, run.worker.store_id, run.worker.log_id, errors + applied.errors)
    if (run.platform, run.entity) == ("woocommerce", "orders"):
        note_received_orders(conn, run.worker.store_id, [entry.record.external_id for entry in valid])
    upsert_stale_arrivals(conn, run.worker.store_id, run.entity, run.worker.log_id, applied.plan.outdated)
    done = _applied_page(run, page, valid, applied, len({error.record_index for error in errors}))
    finish_page(conn, run.worker, done, LEASE_SECONDS)
    return done


def _applied_page(
    run: ActivePull, page: FetchedPage[Any], valid: list[Versioned[Any]], applied: Applied, refused: int
) -> AppliedPage:
    own_times = [changed for entry in valid if (changed := own_time(entry.record)) is not None]
    ids = [entry.record.external_id for entry in valid]
    newest = max(own_times, default=None)
    return AppliedPage(
        page_no=run.pages,
        accepted_seq=page.seq,
        received=page.received,
        counts=applied.counts_with(refused),
        newest=max(newest, run.read_to) if newest and run.read_to else newest or run.read_to,
        in_order=run.in_order and page.in_order and len(own_times) == len(valid) and in_order(own_times, run.read_to),
        lowest_id=min(ids, default=None),
        highest_id=max(ids, default=None),
        late_by=late_by(applied.plan.oldest_news, run.base_watermark),
    )
