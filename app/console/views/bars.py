"""A sync's counts as a bar whose segments add up to the records received."""

from __future__ import annotations

from dataclasses import dataclass

from db.sync.logs import LogView
from schemas.answers.jobs import Progress

KINDS = (
    ("inserted", "new", "stored for the first time"),
    ("updated", "changed", "replaced an older version"),
    ("unchanged", "unchanged", "already up to date"),
    ("stale", "stale", "older than the stored version, not applied"),
    ("invalid", "skipped", "invalid: the reasons are listed below"),
    ("existing", "already stored", "not changed in this mode"),
)
WIDTH = 1000.0  # of the drawing, in its own units
LEAST_WIDTH = 6.0  # a single record stays visible among a million


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of the bar. `left` and `width` are in units of WIDTH."""

    kind: str
    name: str
    meaning: str
    count: int
    left: float
    width: float


def segments_of(log: LogView) -> list[Segment]:
    """The outcomes that occurred, from left to right. Open records are the empty rest on the right."""
    counts = [(kind, name, meaning, int(getattr(log, kind))) for kind, name, meaning in KINDS if getattr(log, kind)]
    total = max(log.received, sum(count for *_, count in counts), 1)  # never 0: an empty sync has an empty bar
    widths = _widths([count for *_, count in counts], total)
    segments, left = [], 0.0
    for (kind, name, meaning, count), width in zip(counts, widths, strict=True):
        segments.append(Segment(kind, name, meaning, count, round(left, 2), round(width, 2)))
        left += width
    return segments


def _widths(counts: list[int], total: int) -> list[float]:
    # In proportion, but at least LEAST_WIDTH each: wide segments give room to narrow ones.
    room = WIDTH * sum(counts) / total
    plain = [WIDTH * count / total for count in counts]
    lacking = sum(max(LEAST_WIDTH - width, 0.0) for width in plain)
    spare = sum(max(width - LEAST_WIDTH, 0.0) for width in plain)
    if lacking == 0 or spare <= lacking:
        return plain
    widths = [
        LEAST_WIDTH if width < LEAST_WIDTH else width - lacking * (width - LEAST_WIDTH) / spare for width in plain
    ]
    return [width * room / sum(widths) for width in widths]


def percent_of(log: LogView, progress: Progress | None) -> float | None:
    """Progress from 0 to 100; None if the total is unknown."""
    if log.status == "completed":
        return 100.0
    total = progress.total if progress else log.received
    done = log.received if progress else log.records_synced + log.records_skipped
    return min(100.0, round(100.0 * done / total, 1)) if total else None
