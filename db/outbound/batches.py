"""Runs and holds: a run has the items of one request, a hold the items that brakes stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class BatchView:
    """One run or hold as its tenant may see it. `held` of its items wait for approval."""

    id: UUID
    kind: str
    status: str
    batch_size: int
    total_items: int
    success_count: int
    fail_count: int
    preview: dict[str, Any] | None
    started_at: datetime | None
    completed_at: datetime | None
    created_at: datetime
    held: int


def insert_batch(conn: Connection, store_id: UUID, batch_id: UUID, kind: str, batch_size: int) -> None:
    parameters = {"store_id": store_id, "batch_id": batch_id, "kind": kind, "batch_size": batch_size}
    conn.execute(SQL["insert_batch"], parameters)


def size_batch(conn: Connection, store_id: UUID, batch_id: UUID) -> None:
    conn.execute(SQL["size_batch"], {"store_id": store_id, "batch_id": batch_id})


def count_batch_results(conn: Connection, store_id: UUID, results: Mapping[UUID, tuple[int, int]]) -> None:
    if not results:
        return
    parameters = {
        "store_id": store_id,
        "ids": list(results),
        "succeeded": [succeeded for succeeded, _ in results.values()],
        "failed": [failed for _, failed in results.values()],
    }
    conn.execute(SQL["count_batch_results"], parameters)


def count_ended_items(
    conn: Connection, store_id: UUID, succeeded: Iterable[UUID | None] = (), failed: Iterable[UUID | None] = ()
) -> None:
    """Add ended items to their runs. Each is given by the id of its run, or None."""
    good, bad = Counter(succeeded), Counter(failed)
    counts = {batch_id: (good[batch_id], bad[batch_id]) for batch_id in good | bad if batch_id is not None}
    count_batch_results(conn, store_id, counts)


def open_hold(conn: Connection, store_id: UUID, batch_id: UUID, preview: dict[str, Any]) -> tuple[UUID, bool]:
    """Open a hold as `batch_id`, or update the open one; returns its id, and whether it is new."""
    parameters = {"store_id": store_id, "batch_id": batch_id, "preview": Jsonb(preview)}
    row = conn.execute(SQL["open_hold"], parameters).fetchone()
    assert row is not None
    return row[0], row[1]


def count_hold(conn: Connection, store_id: UUID, batch_id: UUID) -> None:
    conn.execute(SQL["count_hold"], {"store_id": store_id, "batch_id": batch_id})


def close_hold(conn: Connection, store_id: UUID, batch_id: UUID, status: str) -> bool:
    parameters = {"store_id": store_id, "batch_id": batch_id, "status": status}
    return conn.execute(SQL["close_hold"], parameters).rowcount == 1


def get_open_hold(conn: Connection, store_id: UUID) -> UUID | None:
    row = conn.execute(SQL["get_open_hold"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def get_batch(conn: Connection, store_id: UUID, batch_id: UUID) -> BatchView | None:
    with conn.cursor(row_factory=class_row(BatchView)) as cursor:
        return cursor.execute(SQL["get_batch"], {"store_id": store_id, "batch_id": batch_id}).fetchone()


def list_batches(conn: Connection, store_id: UUID, most: int) -> list[BatchView]:
    with conn.cursor(row_factory=class_row(BatchView)) as cursor:
        return cursor.execute(SQL["list_batches"], {"store_id": store_id, "most": most}).fetchall()
