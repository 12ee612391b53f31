"""Pages of a run: stored before they are applied, so that none is fetched twice."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries
from db.pulls.turns import Worker
from db.sync.logs import Counts

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Stash:
    """A fetched page to store, and the cursor after it. `pages` is how many were stored before."""

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
    """A page whose rows are written. Ids and times are None if it had no valid record."""

    page_no: int
    accepted_seq: int
    received: int
    counts: Counts
    newest: datetime | None
    in_order: bool
    lowest_id: int | None
    highest_id: int | None
    late_by: timedelta | None


def get_next_seq(conn: Connection) -> int:
    row = conn.execute(SQL["get_next_seq"]).fetchone()
    if row is None:
        raise RuntimeError("a sequence always has a next value")
    return int(row[0])


def stash_page(conn: Connection, worker: Worker, stash: Stash, lease: float) -> int | None:
    """Store a page before it is applied. Returns the accepted_seq of the next page, or None if another worker has the run."""
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
    """Lock the run with its waiting page until the transaction ends. False if another worker has the run."""
    return conn.execute(SQL["claim_page"], worker.parameters).fetchone() is not None


def finish_page(conn: Connection, worker: Worker, applied: AppliedPage, lease: float) -> None:
    where = {"store_id": worker.store_id, "log_id": worker.log_id}
    counted = {"received": applied.received, **asdict(applied.counts), "lease": lease}
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


def discard_page(conn: Connection, store_id: UUID, log_id: UUID) -> None:
    conn.execute(SQL["discard_page"], {"store_id": store_id, "log_id": log_id})
