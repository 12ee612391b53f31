"""Schedules: when a store's entity is pulled. Each tick runs in one dispatcher."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Either `cron` (five fields, UTC) or `every_seconds` is set; `stale_after_mins` belongs to the mode update."""

    entity: str
    mode: str
    stale_after_mins: int | None
    cron: str | None
    every_seconds: int | None
    next_run_at: datetime
    last_run_at: datetime | None = None
    last_log_id: UUID | None = None


def put_schedule(conn: Connection, store_id: UUID, schedule: Schedule) -> None:
    parameters = {
        "store_id": store_id,
        "entity": schedule.entity,
        "mode": schedule.mode,
        "stale_after_mins": schedule.stale_after_mins,
        "cron": schedule.cron,
        "every_seconds": schedule.every_seconds,
        "next_run_at": schedule.next_run_at,
    }
    conn.execute(SQL["put_schedule"], parameters)


def list_schedules(conn: Connection, store_id: UUID) -> list[Schedule]:
    with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(SQL["list_schedules"], {"store_id": store_id}).fetchall()


def delete_schedule(conn: Connection, store_id: UUID, entity: str) -> bool:
    return conn.execute(SQL["delete_schedule"], {"store_id": store_id, "entity": entity}).rowcount == 1


def list_due_schedules(conn: Connection, most: int) -> list[tuple[UUID, str]]:
    """(store id, entity) of all stores. Claim each one with its store set."""
    return [(row[0], row[1]) for row in conn.execute(SQL["list_due_schedules"], {"most": most})]


def claim_schedule(conn: Connection, store_id: UUID, entity: str) -> Schedule | None:
    """Lock a due schedule until the transaction ends. None if another dispatcher has its tick."""
    with conn.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(SQL["claim_schedule"], {"store_id": store_id, "entity": entity}).fetchone()


def mark_tick(conn: Connection, store_id: UUID, entity: str, next_run_at: datetime, log_id: UUID | None) -> None:
    """`log_id` is the run that the tick started; None if one was running already."""
    parameters = {"store_id": store_id, "entity": entity, "next_run_at": next_run_at, "log_id": log_id}
    conn.execute(SQL["mark_tick"], parameters)
