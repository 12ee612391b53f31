"""Sync items: asked for, claimed, ended. Every change of status is guarded by the status, and by the claim, that it expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.sql import queries

SQL = queries("sync_items")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A change to be sent. `target_id` is a product's id, or a category's. `id` serves where no such item waits already."""

    id: UUID
    target_id: UUID
    sync_type: str
    priority: int
    sla_seconds: float


@dataclass(frozen=True, slots=True)
class Origin:
    """What several items have in common: who asked, whether unchanged products go out too, and the run they belong to."""

    payload: dict[str, Any]
    force: bool = False
    batch_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item in the hands of one call. `attempts` counts this one; seconds are those of earlier attempts."""

    id: UUID
    product_id: UUID | None
    category_id: UUID | None
    sync_type: str
    priority: int
    force: bool
    approved: bool
    attempts: int
    max_attempts: int
    batch_id: UUID | None
    created_at: datetime
    due_at: datetime
    platform_seconds: float
    backoff_seconds: float
    validation_seconds: float


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that one call took: at the platform, and in our own preparation."""

    platform: float
    validation: float


@dataclass(frozen=True, slots=True)
class Completed:
    id: UUID
    wc_id: int | None
    breach: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """The message is for the tenant. `retryable`: whether trying again may help."""

    id: UUID
    code: str
    message: str
    retryable: bool
    breach: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """Back to wait for `delay` seconds. `spent` False: the attempt does not count."""

    id: UUID
    claim_id: UUID
    code: str | None
    message: str | None
    delay: float
    spent: bool


@dataclass(frozen=True, slots=True)
class Orphan:
    """An item in the hands of a process that is gone."""

    id: UUID
    claim_id: UUID
    attempts: int
    product_id: UUID | None
    category_id: UUID | None
    sync_type: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as its tenant may see it. `requests`: how many events and requests it stands for."""

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
    """How many items of a type have a status; `overdue` and `oldest` are about those that still wait."""

    sync_type: str
    status: str
    items: int
    overdue: int
    oldest: datetime | None


def lock_items(conn: Connection, store_id: UUID) -> None:
    """Held until the transaction ends by whoever asks for items, claims them, or lets them wait again."""
    conn.execute(SQL["lock_items"], {"store_id": store_id})


def request_product_items(conn: Connection, store_id: UUID, wanted: Sequence[Wanted], origin: Origin) -> list[UUID]:
    """Ask for changes of products, no (product, type) twice; returns the ids of the items that stand for them."""
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in wanted],
        "product_ids": [one.target_id for one in wanted],
        "sync_types": [one.sync_type for one in wanted],
        "priorities": [one.priority for one in wanted],
        "sla_seconds": [one.sla_seconds for one in wanted],
        "payload": Jsonb(origin.payload),
        "force": origin.force,
        "batch_id": origin.batch_id,
    }
    return [row[0] for row in conn.execute(SQL["request_product_items"], parameters).fetchall()]


def request_category_items(conn: Connection, store_id: UUID, wanted: Sequence[Wanted], origin: Origin) -> list[UUID]:
    """Ask for changes of categories, none twice; all of one priority."""
    if not wanted:
        return []
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in wanted],
        "category_ids": [one.target_id for one in wanted],
        "priority": wanted[0].priority,
        "sla_seconds": wanted[0].sla_seconds,
        "payload": Jsonb(origin.payload),
        "force": origin.force,
        "batch_id": origin.batch_id,
    }
    return [row[0] for row in conn.execute(SQL["request_category_items"], parameters).fetchall()]


def next_is_category(conn: Connection, store_id: UUID) -> bool | None:
    """Whether a category's turn has come; None where nothing is due."""
    row = conn.execute(SQL["next_is_category"], {"store_id": store_id}).fetchone()
    return bool(row[0]) if row else None


LOOKED_AT_PER_PRODUCT = 3  # more items of one product than this are rare, and then a call is a little shorter


def claim_product_items(conn: Connection, store_id: UUID, claim_id: UUID, holder: UUID, most: int) -> list[ClaimedItem]:
    """All due items of at most `most` products, by priority, then age. Counts an attempt of each."""
    parameters = {
        "store_id": store_id,
        "claim_id": claim_id,
        "holder": holder,
        "most": most,
        "looked_at": most * LOOKED_AT_PER_PRODUCT,
    }
    with conn.cursor(row_factory=class_row(ClaimedItem)) as cursor:
        return _in_order(cursor.execute(SQL["claim_product_items"], parameters).fetchall())


def claim_category_items(
    conn: Connection, store_id: UUID, claim_id: UUID, holder: UUID, most: int
) -> list[ClaimedItem]:
    """At most `most` due categories, the oldest first. Counts an attempt of each."""
    parameters = {"store_id": store_id, "claim_id": claim_id, "holder": holder, "most": most}
    with conn.cursor(row_factory=class_row(ClaimedItem)) as cursor:
        return _in_order(cursor.execute(SQL["claim_category_items"], parameters).fetchall())


def _in_order(items: list[ClaimedItem]) -> list[ClaimedItem]:
    return sorted(items, key=lambda item: (item.priority, item.created_at, item.id))


def complete_items(
    conn: Connection, store_id: UUID, claim_id: UUID, done: Sequence[Completed], spent: Spent
) -> list[UUID | None]:
    """Returns the run of each item that was completed; one that the call no longer holds is left alone."""
    parameters = {
        "store_id": store_id,
        "claim_id": claim_id,
        "ids": [one.id for one in done],
        "wc_ids": [one.wc_id for one in done],
        "breaches": [one.breach for one in done],
        "platform": spent.platform,
        "validation": spent.validation,
    }
    return [row[0] for row in conn.execute(SQL["complete_items"], parameters).fetchall()]


def fail_items(
    conn: Connection, store_id: UUID, claim_id: UUID, failed: Sequence[Failed], spent: Spent
) -> list[UUID | None]:
    """Returns the run of each item that was failed; one that the call no longer holds is left alone."""
    parameters = {
        "store_id": store_id,
        "claim_id": claim_id,
        "ids": [one.id for one in failed],
        "codes": [one.code for one in failed],
        "messages": [one.message for one in failed],
        "retryables": [one.retryable for one in failed],
        "breaches": [one.breach for one in failed],
        "platform": spent.platform,
        "validation": spent.validation,
    }
    return [row[0] for row in conn.execute(SQL["fail_items"], parameters).fetchall()]


def return_items(conn: Connection, store_id: UUID, back: Sequence[Returned], spent: Spent) -> list[UUID | None]:
    """Let items wait again, under `lock_items`; the run of each that a waiting one superseded and did not take over."""
    conn.execute(SQL["absorb_items"], {"store_id": store_id, "ids": [one.id for one in back]})
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in back],
        "claim_ids": [one.claim_id for one in back],
        "codes": [one.code for one in back],
        "messages": [one.message for one in back],
        "delays": [one.delay for one in back],
        "spents": [one.spent for one in back],
        "platform": spent.platform,
        "validation": spent.validation,
    }
    rows = conn.execute(SQL["return_items"], parameters).fetchall()
    return [batch_id for batch_id, superseded in rows if superseded]


def holds_claim(conn: Connection, store_id: UUID, claim_id: UUID) -> bool:
    """False where the holder lost its lease, and another took the items over."""
    row = conn.execute(SQL["holds_claim"], {"store_id": store_id, "claim_id": claim_id}).fetchone()
    return bool(row and row[0])


def list_orphaned_items(conn: Connection, store_id: UUID, holder: UUID) -> list[Orphan]:
    """What others than the holder have in hand; the holder of the store's lease knows that they are gone."""
    with conn.cursor(row_factory=class_row(Orphan)) as cursor:
        return cursor.execute(SQL["list_orphaned_items"], {"store_id": store_id, "holder": holder}).fetchall()


def list_reopenable_items(conn: Connection, store_id: UUID, everything: bool, rest_seconds: float) -> list[UUID]:
    """Failed items: all, or those that failed for a passing reason at least `rest_seconds` ago."""
    parameters = {"store_id": store_id, "everything": everything, "rest_seconds": rest_seconds}
    return [row[0] for row in conn.execute(SQL["list_reopenable_items"], parameters).fetchall()]


def list_held_items(conn: Connection, store_id: UUID, hold_id: UUID) -> list[UUID]:
    parameters = {"store_id": store_id, "hold_id": hold_id}
    return [row[0] for row in conn.execute(SQL["list_held_items"], parameters).fetchall()]


def reject_items(conn: Connection, store_id: UUID, hold_id: UUID, code: str, message: str) -> list[UUID | None]:
    """Fail what a hold has, for good; returns the run of each. Under `lock_items`."""
    parameters = {"store_id": store_id, "hold_id": hold_id, "code": code, "message": message}
    return [row[0] for row in conn.execute(SQL["reject_items"], parameters).fetchall()]


@dataclass(frozen=True, slots=True)
class Reopened:
    """One item that left `failed` or `needs_approval`; `pending` False: another stands for it."""

    batch_id: UUID | None
    was_failed: bool
    pending: bool


def reopen_items(conn: Connection, store_id: UUID, ids: Sequence[UUID], approved: bool) -> list[Reopened]:
    """Let failed or held items wait again, with new attempts; under `lock_items`."""
    parameters = {"store_id": store_id, "ids": list(ids), "approved": approved}
    return [Reopened(*row) for row in conn.execute(SQL["reopen_items"], parameters).fetchall()]


def approve_waiting(conn: Connection, store_id: UUID, ids: Sequence[UUID]) -> None:
    conn.execute(SQL["approve_waiting"], {"store_id": store_id, "ids": list(ids)})


def hold_items(conn: Connection, store_id: UUID, ids: Sequence[UUID], hold_id: UUID) -> None:
    conn.execute(SQL["hold_items"], {"store_id": store_id, "ids": list(ids), "hold_id": hold_id})


def has_unweighed(conn: Connection, store_id: UUID) -> bool:
    row = conn.execute(SQL["has_unweighed"], {"store_id": store_id}).fetchone()
    return bool(row and row[0])


def mark_weighed(conn: Connection, store_id: UUID) -> None:
    conn.execute(SQL["mark_weighed"], {"store_id": store_id})


def get_item(conn: Connection, store_id: UUID, item_id: UUID) -> ItemView | None:
    with conn.cursor(row_factory=class_row(ItemView)) as cursor:
        return cursor.execute(SQL["get_item"], {"store_id": store_id, "item_id": item_id}).fetchone()


def list_failed_items(
    conn: Connection, store_id: UUID, most: int, before: UUID | None = None, batch_id: UUID | None = None
) -> list[ItemView]:
    """Newest first, from below `before`; of one run where `batch_id` is given."""
    parameters = {"store_id": store_id, "before": before, "batch_id": batch_id, "most": most}
    with conn.cursor(row_factory=class_row(ItemView)) as cursor:
        return cursor.execute(SQL["list_failed_items"], parameters).fetchall()


def count_items(conn: Connection, store_id: UUID) -> list[ItemCount]:
    return [ItemCount(*row) for row in conn.execute(SQL["count_items"], {"store_id": store_id}).fetchall()]


def count_breaches(conn: Connection, store_id: UUID) -> dict[str, dict[str, int]]:
    """Missed deadlines by type and cause."""
    counts: dict[str, dict[str, int]] = {}
    for sync_type, cause, items in conn.execute(SQL["count_breaches"], {"store_id": store_id}).fetchall():
        counts.setdefault(sync_type, {})[cause] = items
    return counts
