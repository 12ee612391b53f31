"""Turns the database's counts into the series that the plots draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from db.insight.overview import Finished


@dataclass(frozen=True, slots=True)
class Range:
    """A time range of `seconds`, divided into steps of `step` seconds."""

    name: str
    label: str
    seconds: int
    step: int
    step_label: str


RANGES = {
    range_.name: range_
    for range_ in (
        Range("1h", "last hour", 3600, 60, "minute"),
        Range("24h", "last 24 hours", 86_400, 900, "15 minutes"),
        Range("7d", "last 7 days", 604_800, 7200, "2 hours"),
    )
}
DEFAULT_RANGE = "24h"


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a whole range."""

    completed: int
    failed: int
    synced: int
    skipped: int

    @property
    def skipped_share(self) -> float | None:
        """In percent of the records received."""
        received = self.synced + self.skipped
        return 100.0 * self.skipped / received if received else None


def start_of(range_: Range, now: datetime) -> datetime:
    """The start of a range, rounded to whole steps. The current step is the last one."""
    seconds = int(now.timestamp()) // range_.step * range_.step
    return datetime.fromtimestamp(seconds, UTC) - timedelta(seconds=range_.seconds - range_.step)


def totals_of(found: Iterable[Finished]) -> Totals:
    rows = list(found)
    return Totals(
        completed=sum(row.logs for row in rows if row.status == "completed"),
        failed=sum(row.logs for row in rows if row.status == "failed"),
        synced=sum(row.synced for row in rows),
        skipped=sum(row.skipped for row in rows),
    )


def series_of(found: Iterable[Finished], range_: Range, start: datetime) -> dict[str, Any]:
    """Columns of equal length: `at` in seconds since 1970, then one figure for each step."""
    steps = range_.seconds // range_.step
    first = int(start.timestamp())
    columns: dict[str, Any] = {name: [0] * steps for name in ("synced", "skipped", "completed", "failed", "cancelled")}
    for row in found:
        index = (int(row.began_at.timestamp()) - first) // range_.step
        if 0 <= index < steps:
            columns["synced"][index] += row.synced
            columns["skipped"][index] += row.skipped
            if row.status in columns:
                columns[row.status][index] += row.logs
    return {"at": [first + number * range_.step for number in range(steps)], "step": range_.step, **columns}


def figures_of(series: dict[str, Any]) -> list[tuple[int, ...]]:
    """The rows of the table (at, synced, skipped, completed, failed), without empty steps."""
    lines = zip(*(series[name] for name in ("at", "synced", "skipped", "completed", "failed")), strict=True)
    return [line for line in lines if any(line[1:])]
