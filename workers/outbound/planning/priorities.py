"""Priorities, deadlines and retry delays of sync items (specification 3, SyncPriorityService); pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MINUTE = 60.0
SYNC_TYPES = ("price", "stock", "product", "category", "image")
PRIORITIES = {sync_type: place for place, sync_type in enumerate(SYNC_TYPES, start=1)}
SLA_SECONDS = {
    "price": 2 * MINUTE,
    "stock": 5 * MINUTE,
    "product": 15 * MINUTE,
    "category": 30 * MINUTE,
    "image": 60 * MINUTE,
}
CAUSES = ("queue", "platform", "backoff", "validation")

FIRST_DELAY_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Life:
    """Where an item's time went, in seconds. The rest of the time it was queued."""

    created_at: datetime
    due_at: datetime
    platform: float
    backoff: float
    validation: float


def delay_after(attempt: int, retry_after: float | None = None) -> float:
    """Seconds from the end of attempt n (from 1) to the next: 2, 4, 8, then 8, and never less than the shop asked for."""
    delay = min(FIRST_DELAY_SECONDS * 2.0 ** (max(attempt, 1) - 1), LONGEST_DELAY_SECONDS)
    return max(delay, retry_after or 0.0)


def breach_of(life: Life, ended_at: datetime) -> str | None:
    """The cause that took most of the time of an item that ended past its deadline; None if it ended in time."""
    if ended_at <= life.due_at:
        return None
    known = {"platform": life.platform, "backoff": life.backoff, "validation": life.validation}
    queue = (ended_at - life.created_at).total_seconds() - sum(known.values())
    spent = {"queue": queue, **known}
    return max(CAUSES, key=lambda cause: spent[cause])
