"""Sync items as their tenant may see them: one, those that failed, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as its tenant may see it. `requests`: how many events and requests it merges."""

    id: UUID
    product_id: UUID | None
    category_id: UUID | None
    wc_id: int | None
    sync_type: str
    status: str
    requests: int
    force: bool
    attempts: int
    max_attempts: int
    next_attempt_at: datetime
    last_attempt: datetime | None
    error_code: str | None
    error_message: str | None
    retryable: bool | None
    due_at: datetime
    completed_at: datetime | None
    breach: str | None
    batch_id: UUID | None
    hold_id: UUID | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ItemCount:
    """How many items of a type have a status; `overdue` and `oldest` count only those that wait or are being sent."""

    sync_type: str
    status: str
    items: int
    overdue: int
    oldest: datetime | None


def get_item(conn: Connection, store_id: UUID, item_id: UUID) -> ItemView | None:
    with conn.cursor(row_factory=class_row(ItemView)) as cursor:
        return cursor.execute(SQL["get_item"], {"store_id": store_id, "item_id": item_id}).fetchone()


def list_failed_items(
    conn: Connection, store_id: UUID, most: int, before: UUID | None = None, batch_id: UUID | None = None
) -> list[ItemView]:
    parameters = {"store_id": store_id, "before": before, "batch_id": batch_id, "most": most}
    with conn.cursor(row_factory=class_row(ItemView)) as cursor:
        return cursor.execute(SQL["list_failed_items"], parameters).fetchall()


def count_items(conn: Connection, store_id: UUID) -> list[ItemCount]:
    return [ItemCount(*row) for row in conn.execute(SQL["count_items"], {"store_id": store_id}).fetchall()]


def count_breaches(conn: Connection, store_id: UUID) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for sync_type, cause, items in conn.execute(SQL["count_breaches"], {"store_id": store_id}).fetchall():
        counts.setdefault(sync_type, {})[cause] = items
    return counts
