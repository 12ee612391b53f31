"""Runs of pulls: start, state and end. A run is a sync log of the queue `pull` with a row in pull_runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries
from db.sync.logs import Ticket

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class NewPull:
    """A run to start, after its log was inserted."""

    windows: list[dict[str, Any]]
    options: dict[str, Any]
    max_records: int | None
    base_watermark: datetime | None
    start: Start


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run starts that continues another's: `page` waits to be applied, `rest` is for a later run."""

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


FROM_THE_START = Start(0, None, False, True, None, None, None, 0, None, None)


@dataclass(frozen=True, slots=True)
class FinishedCounts:
    """The counts of a completed run."""

    inserted: int
    received: int
    synced: int
    existing: int


@dataclass(frozen=True, slots=True)
class PullRun:
    """What a run has read, when it completes."""

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
    """How far a run has come: `fetched` records of `total` (None if the platform does not tell) in `work_seconds`."""

    log_id: UUID
    pages: int
    fetched: int
    total: int | None
    work_seconds: float
    options: dict[str, Any]
    watermark: datetime | None


def insert_pull_log(
    conn: Connection, store_id: UUID, log_id: UUID, entity: str, platform: str, mode: str, request_id: str | None
) -> bool:
    """False if the store and entity have a run already. Waits for one that is just ending."""
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "entity": entity,
        "source": platform,
        "mode": mode,
        "request_id": request_id,
    }
    # No row on conflict: a unique index allows one running or paused pull.
    return conn.execute(SQL["insert_pull_log"], parameters).fetchone() is not None


def insert_pull_run(conn: Connection, store_id: UUID, log_id: UUID, new: NewPull) -> None:
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


def complete_pull(conn: Connection, store_id: UUID, log_id: UUID) -> FinishedCounts:
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


def pause_pull(conn: Connection, store_id: UUID, log_id: UUID) -> bool:
    return conn.execute(SQL["pause_pull"], {"store_id": store_id, "log_id": log_id}).rowcount == 1


def resume_pull(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["resume_pull"], {"store_id": store_id, "log_id": log_id}).fetchone()


def retry_pull(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["retry_pull"], {"store_id": store_id, "log_id": log_id}).fetchone()


def list_progress(conn: Connection, store_id: UUID, log_ids: Sequence[UUID]) -> dict[UUID, Progress]:
    with conn.cursor(row_factory=class_row(Progress)) as cursor:
        rows = cursor.execute(SQL["list_progress"], {"store_id": store_id, "log_ids": list(log_ids)})
        return {row.log_id: row for row in rows}
