"""The sample shop's period of time, and the formats of WooCommerce's times and amounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

DAYS = 18 * 30 + 9  # eighteen months
NEWEST = datetime(2026, 11, 20, tzinfo=UTC)  # the resources were recorded in the evening of this day
OLDEST = NEWEST - timedelta(days=DAYS)

# Relative sales by month from January: gifts at the end of the year, gardens in spring, a quiet late summer.
SEASON = (0.8, 0.75, 1.0, 1.25, 1.3, 1.1, 0.9, 0.8, 0.95, 1.05, 1.5, 1.9)
GROWTH = 1.2  # sales grow by this factor of the first day's
HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 7, 9, 10, 10, 11, 10, 9, 9, 10, 11, 13, 15, 15, 12, 7, 3)


def moments(rng: Random, count: int) -> list[datetime]:
    """`count` moments of the period, oldest first, distributed like the sales."""
    days = rng.choices(range(DAYS), [_sales(day) for day in range(DAYS)], k=count)
    return sorted(
        OLDEST + timedelta(days=day, seconds=rng.choices(range(24), HOURS)[0] * 3600 + rng.randrange(3600))
        for day in days
    )


def _sales(day: int) -> float:
    date = OLDEST + timedelta(days=day)
    weekend = 1.2 if date.weekday() >= 5 else 1.0
    return (1 + GROWTH * day / DAYS) * SEASON[date.month - 1] * weekend


def days_ahead(now: datetime) -> int:
    """By how many days the dates must be moved back so that none is in the future."""
    end = NEWEST + timedelta(days=1)
    return max(0, -((now - end) // timedelta(days=1)))


def gmt(moment: datetime) -> str:
    # WooCommerce's `*_gmt` fields have no zone.
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def in_cents(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part or 0)
