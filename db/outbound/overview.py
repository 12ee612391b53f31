"""Outbound items for the console: waiting items with their deadlines, and failed ones in groups."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class OpenItems:
    """The items of one type that are not completed; `oldest`: when the oldest waiting one was created."""

    sync_type: str
    waiting: int
    overdue: int
    oldest: datetime | None
    failed: int
    held: int


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item of a list."""

    id: UUID
    product_id: UUID | None
    category_id: UUID | None
    sync_type: str
    priority: int
    status: str
    attempts: int
    max_attempts: int
    created_at: datetime
    due_at: datetime
    next_attempt_at: datetime
    error_message: str | None


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """Failed items of one type and error code. `retryable`: a retry may help some of them."""

    sync_type: str
    error_code: str
    items: int
    retryable: bool
    message: str | None
    newest: datetime | None


Place = tuple[int, datetime, UUID]


def count_open_items(conn: Connection, store_id: UUID) -> list[OpenItems]:
    with conn.cursor(row_factory=class_row(OpenItems)) as cursor:
        return cursor.execute(SQL["count_open_items"], {"store_id": store_id}).fetchall()


def page_waiting_items(conn: Connection, store_id: UUID, after: Place | None, most: int) -> list[ItemLine]:
    parameters = {
        "store_id": store_id,
        "after_priority": after[0] if after else None,
        "after_created": after[1] if after else None,
        "after_id": after[2] if after else None,
        "most": most,
    }
    with conn.cursor(row_factory=class_row(ItemLine)) as cursor:
        return cursor.execute(SQL["page_waiting_items"], parameters).fetchall()


def list_items_being_sent(conn: Connection, store_id: UUID, most: int) -> list[ItemLine]:
    with conn.cursor(row_factory=class_row(ItemLine)) as cursor:
        return cursor.execute(SQL["list_items_being_sent"], {"store_id": store_id, "most": most}).fetchall()


def list_failed_groups(conn: Connection, store_id: UUID, most: int) -> list[FailedGroup]:
    with conn.cursor(row_factory=class_row(FailedGroup)) as cursor:
        return cursor.execute(SQL["list_failed_groups"], {"store_id": store_id, "most": most}).fetchall()


def list_failed_group(conn: Connection, store_id: UUID, sync_type: str, error_code: str, most: int) -> list[ItemLine]:
    parameters = {"store_id": store_id, "sync_type": sync_type, "error_code": error_code, "most": most}
    with conn.cursor(row_factory=class_row(ItemLine)) as cursor:
        return cursor.execute(SQL["list_failed_group"], parameters).fetchall()


def lock_failed_group(conn: Connection, store_id: UUID, sync_type: str, error_code: str) -> list[UUID]:
    parameters = {"store_id": store_id, "sync_type": sync_type, "error_code": error_code}
    return [row[0] for row in conn.execute(SQL["lock_failed_group"], parameters)]
