"""Push leases, which name the one process that sends for a store, and what the dispatcher asks across stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The waiting items of one type in one store; `overdue` of them are past their deadline."""

    store_id: UUID
    sync_type: str
    waiting: int
    overdue: int
    oldest_created_at: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """How many products may be on their way at once, as learned; and the store's own limit of calls."""

    products_at_once: int | None
    calls_limit: int | None


def list_due_stores(conn: Connection, most: int) -> list[UUID]:
    return [row[0] for row in conn.execute(SQL["list_due_stores"], {"most": most}).fetchall()]


def take_lease(conn: Connection, store_id: UUID, holder: UUID, seconds: float) -> bool:
    """Become the only sender for the store. False if another process is, or the shop asked for a pause."""
    parameters = {"store_id": store_id, "holder": holder, "seconds": seconds}
    return conn.execute(SQL["take_lease"], parameters).fetchone() is not None


def renew_lease(conn: Connection, store_id: UUID, holder: UUID, seconds: float) -> bool:
    parameters = {"store_id": store_id, "holder": holder, "seconds": seconds}
    return conn.execute(SQL["renew_lease"], parameters).fetchone() is not None


def hold_lease(conn: Connection, store_id: UUID, holder: UUID) -> bool:
    """Lock the lease until the transaction ends. False if the holder may not claim now."""
    return conn.execute(SQL["hold_lease"], {"store_id": store_id, "holder": holder}).fetchone() is not None


def release_lease(conn: Connection, store_id: UUID, holder: UUID, products_at_once: int | None = None) -> None:
    """Let others send. `products_at_once`: what was learned of the shop, None for nothing."""
    parameters = {"store_id": store_id, "holder": holder, "products_at_once": products_at_once}
    conn.execute(SQL["release_lease"], parameters)


def get_pace(conn: Connection, store_id: UUID) -> Pace:
    with conn.cursor(row_factory=class_row(Pace)) as cursor:
        return cursor.execute(SQL["get_pace"], {"store_id": store_id}).fetchone() or Pace(None, None)


def set_calls_limit(conn: Connection, store_id: UUID, calls: int) -> bool:
    """Limit the calls to the store's shop at once. False for an unknown store."""
    return conn.execute(SQL["set_calls_limit"], {"store_id": store_id, "calls": calls}).rowcount == 1


def count_failure(conn: Connection, store_id: UUID) -> int:
    """Count that the shop failed as a whole, and return how often it did in a row. Locks the lease."""
    row = conn.execute(SQL["count_failure"], {"store_id": store_id}).fetchone()
    return int(row[0]) if row else 1


def forget_failures(conn: Connection, store_id: UUID) -> None:
    conn.execute(SQL["forget_failures"], {"store_id": store_id})


def get_failures(conn: Connection, store_id: UUID) -> int:
    row = conn.execute(SQL["get_failures"], {"store_id": store_id}).fetchone()
    return int(row[0]) if row else 0


def pause_store(conn: Connection, store_id: UUID, seconds: float) -> None:
    conn.execute(SQL["pause_store"], {"store_id": store_id, "seconds": seconds})


def list_backlog(conn: Connection) -> list[Backlog]:
    with conn.cursor(row_factory=class_row(Backlog)) as cursor:
        return cursor.execute(SQL["list_backlog"]).fetchall()


def prune_items(conn: Connection, days: int, most: int) -> int:
    row = conn.execute(SQL["prune_items"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def prune_runs(conn: Connection, days: int, most: int) -> int:
    row = conn.execute(SQL["prune_runs"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def list_due_tasks(conn: Connection, most: int) -> list[tuple[UUID, str]]:
    """(store id, task) of the tasks that are due or were never planned. Claim each one within its own tenant."""
    return [(row[0], row[1]) for row in conn.execute(SQL["list_due_tasks"], {"most": most}).fetchall()]


def plan_task(conn: Connection, store_id: UUID, task: str, next_run_at: datetime) -> None:
    conn.execute(SQL["plan_task"], {"store_id": store_id, "task": task, "next_run_at": next_run_at})


def claim_task(conn: Connection, store_id: UUID, task: str, next_run_at: datetime) -> bool:
    """Claim a due task and set when it runs next. False if it is not due, or another process has it."""
    parameters = {"store_id": store_id, "task": task, "next_run_at": next_run_at}
    return conn.execute(SQL["claim_task"], parameters).fetchone() is not None
