"""What one page does to the database: kept as it comes, applied with its counts, and the last one ends its run."""

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

LEASE_SECONDS = 8.0  # a worker that shows no sign of life for so long has lost its run
REPLANS = 10


@dataclass(slots=True)
class Run:
    """A run in the hands of its worker. `pending` is kept in the database, and not applied yet."""

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
    next_seq: int | None = None  # the place of the page that is fetched next, where it has one already
    is_completed: bool = False
    steps: int = 0  # pages kept or applied in this turn
    stepped_at: float = field(default_factory=time.monotonic)

    @classmethod
    def resumed(cls, runtime: Runtime, worker: Worker, begun: BegunPull) -> Run:
        """The run where its last worker left it."""
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
class Place:
    """Where to fetch next."""

    window_no: int
    cursor: str | None
    is_fetched: bool

    @property
    def kept(self) -> dict[str, Any]:
        return {"windowNo": self.window_no, "cursor": self.cursor, "isFetched": self.is_fetched}


def place_after(run: Run, page: Page) -> Place:
    """The next page of the window, else the first one of the next window, else the end."""
    if page.cursor is not None:
        return Place(run.window_no, page.cursor, False)
    last = run.window_no + 1 >= len(run.windows)
    return Place(run.window_no if last else run.window_no + 1, None, last)


def cut(
    page: FetchedPage[Any], place: Place, allowed: int | None
) -> tuple[FetchedPage[Any], Place, dict[str, Any] | None, FetchedPage[Any] | None]:
    """A page within what max_records still allows: what to use of it, where to go on, and what is left for another run."""
    if allowed is None or page.received < allowed or (page.received == allowed and place.is_fetched):
        return page, place, None, None
    used, unused = split_page(page, allowed)
    return used, Place(place.window_no, place.cursor, True), place.kept, unused


def keep(run: Run, page: Page, total: int | None, seq: int, own_clock: datetime, seconds: float) -> bool:
    """Make a fetched page durable, without its unknown fields and addresses, and move the cursor behind it.

    False where the run is no longer ours. The commit need not reach the disk: what a crash of the server loses is fetched
    again.
    """
    hasher = email_hasher(run.runtime.settings.email_hash_key)
    asked_at = clock_before(page.server_time, seconds, own_clock)
    read = read_page(run.platform, run.entity, page.records, seq, asked_at, hasher)
    whole = replace(read, in_order=page.in_order)
    allowed = None if run.max_records is None else run.max_records - run.fetched
    used, place, rest, unused = cut(whole, place_after(run, page), allowed)
    stash = Stash(
        pages=run.pages,
        page=encode_page(used),
        records=used.received,
        window_no=place.window_no,
        cursor=place.cursor,
        is_fetched=place.is_fetched,
        total=total,
        watermark=asked_at,
        rest=rest,
        rest_page=encode_page(unused) if unused else None,
        seconds=time.monotonic() - run.stepped_at,
    )
    # The platform waits meanwhile: what can be sent together is.
    with run.runtime.pool.connection() as conn, conn.pipeline(), tenant(conn, run.worker.store_id):
        set_asynchronous_commit(conn)
        run.next_seq = stash_page(conn, run.worker, stash, LEASE_SECONDS)
    if run.next_seq is None:
        return False
    run.window_no, run.cursor, run.is_fetched = place.window_no, place.cursor, place.is_fetched
    run.pages, run.fetched, run.pending = run.pages + 1, run.fetched + used.received, used
    run.steps, run.stepped_at = run.steps + 1, time.monotonic()
    return True


def apply_pending(run: Run) -> bool:
    """Rows, counts and the page's end in one transaction, with the run's own end after the last page.

    False where the run is no longer ours. Where rows change under the plan, it is made anew.
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


def _apply(conn: Connection, run: Run, page: FetchedPage[Any]) -> AppliedPage:
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
    run: Run, page: FetchedPage[Any], valid: list[Versioned[Any]], applied: Applied, refused: int
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
