"""Data of the console's first pages: logs that ended, open logs, and the activity of stores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.sync.logs import LogView

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Finished:
    """Logs of one status that ended in the time step from `began_at`, and their records."""

    began_at: datetime
    status: str
    logs: int
    synced: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Open:
    running: int
    oldest_accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoreActivity:
    """`failed`: logs that failed lately. `open_alerts`: those that nobody acknowledged."""

    store_id: UUID
    running: int
    oldest_accepted_at: datetime | None
    failed: int
    open_alerts: int


def count_finished(conn: Connection, store_id: UUID, since: datetime, step: float) -> list[Finished]:
    """Time steps of `step` seconds from `since`; a step in which nothing ended is missing."""
    parameters = {"store_id": store_id, "since": since, "step": step}
    with conn.cursor(row_factory=class_row(Finished)) as cursor:
        return cursor.execute(SQL["count_finished"], parameters).fetchall()


def count_finished_of_all(conn: Connection, since: datetime, step: float) -> list[Finished]:
    with conn.cursor(row_factory=class_row(Finished)) as cursor:
        return cursor.execute(SQL["count_finished_of_all"], {"since": since, "step": step}).fetchall()


def list_open_logs(conn: Connection, store_id: UUID, most: int) -> list[LogView]:
    with conn.cursor(row_factory=class_row(LogView)) as cursor:
        return cursor.execute(SQL["list_open_logs"], {"store_id": store_id, "most": most}).fetchall()


def count_open(conn: Connection, store_id: UUID) -> Open:
    row = conn.execute(SQL["count_open"], {"store_id": store_id}).fetchone()
    return Open(*row) if row else Open(0, None)


def count_open_of_all(conn: Connection) -> Open:
    row = conn.execute(SQL["count_open_of_all"]).fetchone()
    return Open(*row) if row else Open(0, None)


def count_items_of_all(conn: Connection) -> tuple[int, int]:
    row = conn.execute(SQL["count_items_of_all"]).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def list_store_activity(
    conn: Connection, failed_since: datetime, most: int, skip: int = 0, search: str = ""
) -> list[StoreActivity]:
    """Stores in trouble first. `search` is a part of a name or id."""
    parameters = {"search": search, "failed_since": failed_since, "most": most, "skip": skip}
    with conn.cursor(row_factory=class_row(StoreActivity)) as cursor:
        return cursor.execute(SQL["list_store_activity"], parameters).fetchall()
