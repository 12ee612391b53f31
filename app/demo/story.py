"""The time in which the sample shop's story plays, and how WooCommerce writes moments and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

DAYS = 18 * 30 + 9  # eighteen months
NEWEST = datetime(2026, 11, 20, tzinfo=UTC)  # the recorded store was recorded in the evening of this day
OLDEST = NEWEST - timedelta(days=DAYS)

# How business goes by month, January first: gifts at the year's end, gardens in spring, a slack late summer.
SEASON = (0.8, 0.75, 1.0, 1.25, 1.3, 1.1, 0.9, 0.8, 0.95, 1.05, 1.5, 1.9)
GROWTH = 1.2  # by how much of its first day's business the shop grows over the story
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 7, 9, 10, 10, 11, 10, 9, 9, 10, 11, 13, 15, 15, 12, 7, 3)


def moments(rng: Random, count: int) -> list[datetime]:
    """`count` moments in the story, oldest first, as thick as business was."""
    days = rng.choices(range(DAYS), [_business(day) for day in range(DAYS)], k=count)
    return sorted(OLDEST + timedelta(days=day, seconds=_second_of_day(rng)) for day in days)


def _business(day: int) -> float:
    date = OLDEST + timedelta(days=day)
    weekend = 1.2 if date.weekday() >= 5 else 1.0
    return (1 + GROWTH * day / DAYS) * SEASON[date.month - 1] * weekend


def _second_of_day(rng: Random, hours: Sequence[int] = HOURS) -> int:
    return rng.choices(range(24), hours)[0] * 3600 + rng.randrange(3600)


def days_ahead(now: datetime) -> int:
    """By how many days the story must be moved back on a machine whose clock stands before its end; else 0."""
    end = NEWEST + timedelta(days=1)
    return max(0, -((now - end) // timedelta(days=1)))


def gmt(moment: datetime) -> str:
    """As in WooCommerce's `*_gmt` fields: UTC, seconds, no zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def money(cents: int) -> str:
    """As in WooCommerce's money fields: text with two decimals."""
    return f"{cents // 100}.{cents % 100:02d}"


def in_cents(amount: str) -> int:
    """The inverse of `money`."""
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part or 0)
