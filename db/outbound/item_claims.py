"""Claimed sync items: claims them, and completes, fails or returns them. Each change checks the expected status and claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item that one claim holds. `attempts` includes this one; the seconds and the error code are of earlier ones.

    `only_fields`: the only fields of the shop that it may send; None for all of its type.
    """

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
    error_code: str | None = None
    only_fields: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that one claim took: at the platform, and to plan its calls."""

    platform: float
    validation: float


@dataclass(frozen=True, slots=True)
class Completed:
    id: UUID
    wc_id: int | None
    breach: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """`message` is shown to the tenant. `retryable`: a retry may help."""

    id: UUID
    code: str
    message: str
    retryable: bool
    breach: str | None


@dataclass(frozen=True, slots=True)
class Returned:
    """Waits again for `delay` seconds. `spent` False: the attempt does not count. `paused`: seconds that its store waits."""

    id: UUID
    claim_id: UUID
    code: str | None
    message: str | None
    delay: float
    spent: bool
    paused: float = 0.0


@dataclass(frozen=True, slots=True)
class OrphanedItem:
    """An item whose process is gone."""

    id: UUID
    claim_id: UUID
    attempts: int
    product_id: UUID | None
    category_id: UUID | None
    sync_type: str


def next_is_category(conn: Connection, store_id: UUID) -> bool | None:
    row = conn.execute(SQL["next_is_category"], {"store_id": store_id}).fetchone()
    return bool(row[0]) if row else None


LOOKED_AT_PER_PRODUCT = 3  # if products have more items than this, which is rare, a claim gets fewer of them


def claim_product_items(conn: Connection, store_id: UUID, claim_id: UUID, holder: UUID, most: int) -> list[ClaimedItem]:
    """Claim all due items of at most `most` products, by priority, then age. Counts an attempt of each."""
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
    """Claim at most `most` due categories, the oldest first. Counts an attempt of each."""
    parameters = {"store_id": store_id, "claim_id": claim_id, "holder": holder, "most": most}
    with conn.cursor(row_factory=class_row(ClaimedItem)) as cursor:
        return _in_order(cursor.execute(SQL["claim_category_items"], parameters).fetchall())


def _in_order(items: list[ClaimedItem]) -> list[ClaimedItem]:
    return sorted(items, key=lambda item: (item.priority, item.created_at, item.id))


def complete_items(
    conn: Connection, store_id: UUID, claim_id: UUID, done: Sequence[Completed], spent: Spent
) -> list[UUID | None]:
    """Complete items that the claim still holds; returns the run of each, or None."""
    parameters = _ended(store_id, claim_id, done, spent) | {"wc_ids": [one.wc_id for one in done]}
    return [row[0] for row in conn.execute(SQL["complete_items"], parameters).fetchall()]


def fail_items(
    conn: Connection, store_id: UUID, claim_id: UUID, failed: Sequence[Failed], spent: Spent
) -> list[UUID | None]:
    """Fail items that the claim still holds; returns the run of each, or None."""
    parameters = _ended(store_id, claim_id, failed, spent) | {
        "codes": [one.code for one in failed],
        "messages": [one.message for one in failed],
        "retryables": [one.retryable for one in failed],
    }
    return [row[0] for row in conn.execute(SQL["fail_items"], parameters).fetchall()]


def _ended(store_id: UUID, claim_id: UUID, items: Sequence[Completed | Failed], spent: Spent) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "claim_id": claim_id,
        "ids": [one.id for one in items],
        "breaches": [one.breach for one in items],
        "platform": spent.platform,
        "validation": spent.validation,
    }


def return_items(conn: Connection, store_id: UUID, back: Sequence[Returned], spent: Spent) -> list[UUID | None]:
    """Let items wait again; needs `lock_items`. An item is superseded if a newer one of its kind waits already.

    Returns the run of each superseded item, unless the newer item has taken over that run.
    """
    conn.execute(SQL["absorb_items"], {"store_id": store_id, "ids": [one.id for one in back]})
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in back],
        "claim_ids": [one.claim_id for one in back],
        "codes": [one.code for one in back],
        "messages": [one.message for one in back],
        "delays": [one.delay for one in back],
        "pauses": [one.paused for one in back],
        "spents": [one.spent for one in back],
        "platform": spent.platform,
        "validation": spent.validation,
    }
    rows = conn.execute(SQL["return_items"], parameters).fetchall()
    return [batch_id for batch_id, superseded in rows if superseded]


def holds_claim(conn: Connection, store_id: UUID, claim_id: UUID) -> bool:
    row = conn.execute(SQL["holds_claim"], {"store_id": store_id, "claim_id": claim_id}).fetchone()
    return bool(row and row[0])


def list_orphaned_items(conn: Connection, store_id: UUID, holder: UUID) -> list[OrphanedItem]:
    """The items claimed by other processes; the holder of the store's lease knows that those are gone."""
    with conn.cursor(row_factory=class_row(OrphanedItem)) as cursor:
        return cursor.execute(SQL["list_orphaned_items"], {"store_id": store_id, "holder": holder}).fetchall()
