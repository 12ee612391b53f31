"""Runs of pulls: where each stands, who works on it, and the page that waits to be applied.

A run is a sync log of the queue `pull` with a row of its own beside it. Its worker holds no lock while it fetches: `epoch` says
who works on it, and `next_attempt_at`, moved ahead as a sign of life, until when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.sql import Platform, queries
from db.sync_logs import Counts, Ticket

SQL = queries("pull_runs")


@dataclass(frozen=True, slots=True)
class NewPull:
    """A run about to start, whose log has its place already."""

    windows: list[dict[str, Any]]
    options: dict[str, Any]
    max_records: int | None
    base_watermark: datetime | None
    start: Start


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins that goes on with another's: `page` waits to be applied, `rest` is for yet another."""

    window_no: int
    cursor: str | None
    is_fetched: bool
    in_order: bool
    watermark: datetime | None
    read_to: datetime | None
    page: bytes | None
    page_records: int
    rest: dict[str, Any] | None
    rest_page: bytes | None


FROM_THE_BEGIN = Start(0, None, False, True, None, None, None, 0, None, None)


@dataclass(frozen=True, slots=True)
class BegunPull:
    """A run and where it stands, as the one finds it who works on it from now on."""

    entity: str
    platform: Platform
    mode: str
    attempts: int
    request_id: str | None
    received: int
    windows: list[dict[str, Any]]
    max_records: int | None
    base_watermark: datetime | None
    epoch: int
    window_no: int
    cursor: str | None
    is_fetched: bool
    pages: int
    fetched: int
    page: bytes | None
    watermark: datetime | None
    in_order: bool
    read_to: datetime | None


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works on a run: every change names store, log and epoch, and one that has been taken over changes nothing."""

    store_id: UUID
    log_id: UUID
    epoch: int

    @property
    def parameters(self) -> dict[str, Any]:
        return {"store_id": self.store_id, "log_id": self.log_id, "epoch": self.epoch}


@dataclass(frozen=True, slots=True)
class Stash:
    """A fetched page to keep, and the cursor behind it. `pages` is how many were kept before."""

    pages: int
    page: bytes
    records: int
    window_no: int
    cursor: str | None
    is_fetched: bool
    total: int | None
    watermark: datetime
    rest: dict[str, Any] | None
    rest_page: bytes | None
    seconds: float


@dataclass(frozen=True, slots=True)
class AppliedPage:
    """A page whose rows are written. Ids and times are None where it had no valid record."""

    page_no: int
    accepted_seq: int
    received: int
    counts: Counts
    newest: datetime | None
    in_order: bool
    lowest_id: int | None
    highest_id: int | None
    late_by: timedelta | None


@dataclass(frozen=True, slots=True)
class FinishedCounts:
    """What a completed run counted."""

    inserted: int
    received: int
    synced: int
    existing: int


@dataclass(frozen=True, slots=True)
class PullRun:
    """What a run has met, as it completes."""

    windows: list[dict[str, Any]]
    options: dict[str, Any]
    watermark: datetime | None
    read_to: datetime | None
    in_order: bool
    lowest_id: int | None
    highest_id: int | None
    late_by: timedelta | None
    base_watermark: datetime | None
    rest: dict[str, Any] | None
    rest_page: bytes | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. `fetched` records of `total`, where the platform tells it, in `work_seconds`."""

    log_id: UUID
    pages: int
    fetched: int
    total: int | None
    work_seconds: float
    options: dict[str, Any]
    watermark: datetime | None


def insert_pull_log(
    conn: Connection, store_id: UUID, log_id: UUID, entity: str, platform: Platform, mode: str, request_id: str | None
) -> bool:
    """Take the place of a store's and entity's one run; False where another has it. Waits for one that is just ending."""
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "entity": entity,
        "source": platform,
        "mode": mode,
        "request_id": request_id,
    }
    return conn.execute(SQL["insert_pull_log"], parameters).fetchone() is not None


def insert_pull_run(conn: Connection, store_id: UUID, log_id: UUID, new: NewPull) -> None:
    """Say what the run reads and where it begins, in the transaction that made its log."""
    start = new.start
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "windows": Jsonb(new.windows),
        "options": Jsonb(new.options),
        "max_records": new.max_records,
        "base_watermark": new.base_watermark,
        "window_no": start.window_no,
        "cursor": start.cursor,
        "is_fetched": start.is_fetched,
        "fetched": start.page_records,
        "page": start.page,
        "watermark": start.watermark,
        "read_to": start.read_to,
        "in_order": start.in_order,
        "rest": Jsonb(start.rest) if start.rest is not None else None,
        "rest_page": start.rest_page,
    }
    conn.execute(SQL["insert_pull_run"], parameters)


def get_active_pull(conn: Connection, store_id: UUID, entity: str) -> UUID | None:
    row = conn.execute(SQL["get_active_pull"], {"store_id": store_id, "entity": entity}).fetchone()
    return row[0] if row else None


def begin_pull(conn: Connection, store_id: UUID, log_id: UUID, most_attempts: int, lease: float) -> BegunPull | None:
    """Take a run on for `lease` seconds. None where it is not to be worked on now."""
    parameters = {"store_id": store_id, "log_id": log_id, "most_attempts": most_attempts, "lease": lease}
    with conn.cursor(row_factory=class_row(BegunPull)) as cursor:
        return cursor.execute(SQL["begin_pull"], parameters).fetchone()


def renew_lease(conn: Connection, worker: Worker, lease: float) -> bool:
    return conn.execute(SQL["renew_lease"], {**worker.parameters, "lease": lease}).rowcount == 1


def get_next_seq(conn: Connection) -> int:
    """A place in the order of acceptance for a page that is about to be fetched."""
    row = conn.execute(SQL["get_next_seq"]).fetchone()
    if row is None:
        raise RuntimeError("a sequence always has a next value")
    return int(row[0])


def stash_page(conn: Connection, worker: Worker, stash: Stash, lease: float) -> int | None:
    """Keep a page before it is applied, so that it is never fetched again; None where the run is no longer ours.

    The next page's place in the order of acceptance: it is behind everything that has one by now.
    """
    parameters = {
        **worker.parameters,
        "lease": lease,
        "pages": stash.pages,
        "page": stash.page,
        "records": stash.records,
        "window_no": stash.window_no,
        "cursor": stash.cursor,
        "is_fetched": stash.is_fetched,
        "total": stash.total,
        "watermark": stash.watermark,
        "rest": Jsonb(stash.rest) if stash.rest is not None else None,
        "rest_page": stash.rest_page,
        "seconds": stash.seconds,
    }
    row = conn.execute(SQL["stash_page"], parameters).fetchone()
    return int(row[0]) if row else None


def claim_page(conn: Connection, worker: Worker) -> bool:
    """Lock the run with its waiting page until the transaction ends; False where the run is no longer ours."""
    return conn.execute(SQL["claim_page"], worker.parameters).fetchone() is not None


def finish_page(conn: Connection, worker: Worker, applied: AppliedPage, lease: float) -> None:
    """Count a page and clear it, in the transaction that wrote its rows."""
    where = {"store_id": worker.store_id, "log_id": worker.log_id}
    counts = applied.counts
    counted = {
        "received": applied.received,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "stale": counts.stale,
        "invalid": counts.invalid,
        "existing": counts.existing,
        "lease": lease,
    }
    met = {
        "newest": applied.newest,
        "in_order": applied.in_order,
        "lowest_id": applied.lowest_id,
        "highest_id": applied.highest_id,
        "late_by": applied.late_by,
    }
    page = {"page_no": applied.page_no, "accepted_seq": applied.accepted_seq, "records": applied.received}
    conn.execute(SQL["count_page"], where | counted)
    conn.execute(SQL["clear_page"], where | met)
    conn.execute(SQL["insert_pull_page"], where | page)


def complete_pull(conn: Connection, store_id: UUID, log_id: UUID) -> FinishedCounts:
    """End a locked run whose last page is applied."""
    row = conn.execute(SQL["complete_pull"], {"store_id": store_id, "log_id": log_id}).fetchone()
    if row is None:
        raise RuntimeError("a locked running log can't have moved on")
    return FinishedCounts(*row)


def get_pull_run(conn: Connection, store_id: UUID, log_id: UUID) -> PullRun:
    with conn.cursor(row_factory=class_row(PullRun)) as cursor:
        run = cursor.execute(SQL["get_pull_run"], {"store_id": store_id, "log_id": log_id}).fetchone()
    if run is None:
        raise RuntimeError("a pull's log has its run beside it")
    return run


def yield_pull(conn: Connection, worker: Worker) -> Ticket | None:
    """Let others pass. Enqueue the ticket after the commit."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["yield_pull"], worker.parameters).fetchone()


def postpone_pull(conn: Connection, worker: Worker, delay: float, code: str, message: str) -> bool:
    parameters = {**worker.parameters, "delay": delay, "error_code": code, "error_message": message}
    return conn.execute(SQL["postpone_pull"], parameters).rowcount == 1


def fail_pull(conn: Connection, worker: Worker, code: str, message: str) -> bool:
    parameters = {**worker.parameters, "error_code": code, "error_message": message}
    return conn.execute(SQL["fail_pull"], parameters).rowcount == 1


def pause_pull(conn: Connection, store_id: UUID, log_id: UUID) -> bool:
    return conn.execute(SQL["pause_pull"], {"store_id": store_id, "log_id": log_id}).rowcount == 1


def resume_pull(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["resume_pull"], {"store_id": store_id, "log_id": log_id}).fetchone()


def retry_pull(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    """Run a failed pull again from its cursor. None where it is not failed, or another run has its place."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["retry_pull"], {"store_id": store_id, "log_id": log_id}).fetchone()


def discard_page(conn: Connection, store_id: UUID, log_id: UUID) -> None:
    conn.execute(SQL["discard_page"], {"store_id": store_id, "log_id": log_id})


def list_progress(conn: Connection, store_id: UUID, log_ids: Sequence[UUID]) -> dict[UUID, Progress]:
    """By log id, for those of the logs that are pulls."""
    with conn.cursor(row_factory=class_row(Progress)) as cursor:
        rows = cursor.execute(SQL["list_progress"], {"store_id": store_id, "log_ids": list(log_ids)})
        return {row.log_id: row for row in rows}
