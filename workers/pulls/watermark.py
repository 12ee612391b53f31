"""Decides about time: from where a pull reads, what it has covered, how late records come. Pure.

A watermark is the platform's clock before a fetch. It moves only with success, and never past what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from db.sync.metadata import Metadata
from workers.platforms.common.interface import Window

FIRST_OVERLAP = timedelta(minutes=5)
WIDEST_OVERLAP = timedelta(hours=24)
WIDEN_BEYOND = 0.8  # of the overlap: records that late would soon be missed
WIDEN_TO = 1.5  # times the lateness


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a completed pull was asked for and what it read. `has_rest`: it reached max_records before the end."""

    mode: str
    window_from: datetime | None
    window_until: datetime | None
    is_partial: bool
    watermark: datetime | None
    read_to: datetime | None
    in_order: bool
    has_rest: bool
    existing: int


def clock_before(server_time: datetime | None, seconds: float, own_clock: datetime) -> datetime:
    """The platform's clock, to the second, when a call that took `seconds` began; our clock if the platform tells none."""
    before = server_time - timedelta(seconds=seconds) if server_time else own_clock
    return before.astimezone(UTC).replace(microsecond=0)


def incremental_window(metadata: Metadata | None) -> Window:
    if metadata is None or metadata.last_sync_time is None:
        return Window()
    return Window(updated_from=metadata.last_sync_time - metadata.overlap)


def populate_window(metadata: Metadata | None, created_from: datetime | None) -> Window:
    """After the last completed populate if that one looked at least as far back; else from the beginning."""
    if metadata is None or metadata.populated_to is None or metadata.populated_at is None:
        return Window(created_from=created_from)
    known_from = metadata.populated_from
    reaches = known_from is None or (created_from is not None and created_from >= known_from)
    begins_before = created_from is None or created_from <= metadata.populated_at
    if reaches and begins_before:
        return Window(after_id=metadata.populated_to)
    return Window(created_from=created_from)


def covered_until(facts: RunFacts) -> datetime | None:
    """The moment before which all changes of the pull's window were read; None if unknown."""
    if not facts.has_rest:
        bounds = [bound for bound in (facts.watermark, facts.window_until) if bound is not None]
        return min(bounds) if facts.watermark is not None else None
    if not facts.in_order or facts.read_to is None or facts.watermark is None:
        return None
    return min(facts.read_to, facts.watermark)


def is_complete(facts: RunFacts) -> bool:
    # False if it read only a part, or skipped stored records.
    return not facts.is_partial and (facts.mode != "populate" or facts.existing == 0)


def contiguous_until(covered: Sequence[tuple[datetime | None, datetime]]) -> datetime | None:
    """The end of the first contiguous range of a merged ledger (oldest first), if it reaches back to the beginning."""
    return covered[0][1] if covered and covered[0][0] is None else None


def holes(covered: Sequence[tuple[datetime | None, datetime]]) -> list[tuple[datetime | None, datetime]]:
    found: list[tuple[datetime | None, datetime]] = []
    begin: datetime | None = None
    for part_from, part_until in covered:
        if part_from is not None:
            found.append((begin, part_from))
        begin = part_until
    return found


def late_by(news: datetime | None, base: datetime | None) -> timedelta | None:
    """How far behind the watermark the oldest new version of a page is; None if no version is behind it."""
    if news is None or base is None or news >= base:
        return None
    return base - news


def widened_overlap(overlap: timedelta, lateness: timedelta | None) -> timedelta:
    if lateness is None or lateness <= overlap * WIDEN_BEYOND:
        return overlap
    return min(max(overlap, lateness * WIDEN_TO), WIDEST_OVERLAP)


def in_order(times: Iterable[datetime], after: datetime | None) -> bool:
    for moment in times:
        if after is not None and moment < after:
            return False
        after = moment
    return True


def window_json(window: Window) -> dict[str, Any]:
    return {
        "updatedFrom": _iso(window.updated_from),
        "updatedUntil": _iso(window.updated_until),
        "createdFrom": _iso(window.created_from),
        "afterId": window.after_id,
    }


def parse_window(kept: dict[str, Any]) -> Window:
    return Window(
        updated_from=parse_moment(kept["updatedFrom"]),
        updated_until=parse_moment(kept["updatedUntil"]),
        created_from=parse_moment(kept["createdFrom"]),
        after_id=kept["afterId"],
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def parse_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
