"""Pure decisions about time: from where a run reads, what it has covered, how far records come late.

The law: a watermark is the platform's clock before a fetch, moves only with success, and never passes what was really read.
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
WIDEN_BEYOND = 0.8  # of the overlap: what comes that late would soon come too late
WIDEN_TO = 1.5  # times the lateness


@dataclass(frozen=True, slots=True)
class Met:
    """What a completed run was asked for and met. `has_rest`: it reached max_records before the end."""

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
    """The platform's clock when a call that took `seconds` began, to the second; ours where it tells none."""
    before = server_time - timedelta(seconds=seconds) if server_time else own_clock
    return before.astimezone(UTC).replace(microsecond=0)


def incremental_window(metadata: Metadata | None) -> Window:
    """From the watermark back by the overlap; everything where there is no watermark."""
    if metadata is None or metadata.last_sync_time is None:
        return Window()
    return Window(updated_from=metadata.last_sync_time - metadata.overlap)


def populate_window(metadata: Metadata | None, created_from: datetime | None) -> Window:
    """After the last completed populate, where that one looked as far back as this one should; else from the begin."""
    if metadata is None or metadata.populated_to is None or metadata.populated_at is None:
        return Window(created_from=created_from)
    known_from = metadata.populated_from
    reaches = known_from is None or (created_from is not None and created_from >= known_from)
    begins_before = created_from is None or created_from <= metadata.populated_at
    if reaches and begins_before:
        return Window(after_id=metadata.populated_to)
    return Window(created_from=created_from)


def reached(met: Met) -> datetime | None:
    """Before which moment all changes of the run's window were read; None where that can't be said."""
    if not met.has_rest:
        bounds = [bound for bound in (met.watermark, met.window_until) if bound is not None]
        return min(bounds) if met.watermark is not None else None
    if not met.in_order or met.read_to is None or met.watermark is None:
        return None
    return min(met.read_to, met.watermark)


def is_complete(met: Met) -> bool:
    """Whether a run brought every change of its window: not one that asked for a part, or passed over what stood already."""
    return not met.is_partial and (met.mode != "populate" or met.existing == 0)


def contiguous_until(covered: Sequence[tuple[datetime | None, datetime]]) -> datetime | None:
    """The watermark that a merged ledger (oldest first) stands for: up to where it reaches from the begin without a hole."""
    return covered[0][1] if covered and covered[0][0] is None else None


def holes(covered: Sequence[tuple[datetime | None, datetime]]) -> list[tuple[datetime | None, datetime]]:
    """What lies before and between the parts of a merged ledger."""
    found: list[tuple[datetime | None, datetime]] = []
    begin: datetime | None = None
    for part_from, part_until in covered:
        if part_from is not None:
            found.append((begin, part_from))
        begin = part_until
    return found


def late_by(news: datetime | None, base: datetime | None) -> timedelta | None:
    """How far behind the watermark the oldest news of a page came; None where none did."""
    if news is None or base is None or news >= base:
        return None
    return base - news


def widened(overlap: timedelta, lateness: timedelta | None) -> timedelta:
    """The overlap for the next run."""
    if lateness is None or lateness <= overlap * WIDEN_BEYOND:
        return overlap
    return min(max(overlap, lateness * WIDEN_TO), WIDEST_OVERLAP)


def in_order(times: Iterable[datetime], after: datetime | None) -> bool:
    """Whether times never go back, beginning after `after`."""
    for moment in times:
        if after is not None and moment < after:
            return False
        after = moment
    return True


def window_json(window: Window) -> dict[str, Any]:
    """A window as it is kept with its run."""
    return {
        "updatedFrom": _iso(window.updated_from),
        "updatedUntil": _iso(window.updated_until),
        "createdFrom": _iso(window.created_from),
        "afterId": window.after_id,
    }


def window_of(kept: dict[str, Any]) -> Window:
    """What `window_json` was given."""
    return Window(
        updated_from=moment_of(kept["updatedFrom"]),
        updated_until=moment_of(kept["updatedUntil"]),
        created_from=moment_of(kept["createdFrom"]),
        after_id=kept["afterId"],
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def moment_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
