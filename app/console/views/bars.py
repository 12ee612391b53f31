"""A log's counts as a bar: pure arithmetic, so that what is drawn always adds up to what was received."""

from __future__ import annotations

from dataclasses import dataclass

from db.sync.logs import LogView
from schemas.answers.jobs import Progress

KINDS = (
    ("inserted", "new", "stored for the first time"),
    ("updated", "changed", "replaced an older version"),
    ("unchanged", "unchanged", "stored already, exactly so"),
    ("stale", "stale", "older than what is stored, and not applied"),
    ("invalid", "skipped", "could not be used: the reasons are listed below"),
    ("existing", "passed over", "stored already; this mode leaves them alone"),
)
WIDTH = 1000.0  # of the drawing, in its own units
LEAST_WIDTH = 6.0  # a single record stays visible among a million


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of record in the bar; `left` and `width` in units of WIDTH."""

    kind: str
    name: str
    meaning: str
    count: int
    left: float
    width: float


def parts_of(log: LogView) -> list[Part]:
    """Kinds that occur, left to right; what is still open stays empty at the right."""
    counts = [(kind, name, meaning, int(getattr(log, kind))) for kind, name, meaning in KINDS if getattr(log, kind)]
    total = max(log.received, sum(count for *_, count in counts), 1)
    widths = _widths([count for *_, count in counts], total)
    parts, left = [], 0.0
    for (kind, name, meaning, count), width in zip(counts, widths, strict=True):
        parts.append(Part(kind, name, meaning, count, round(left, 2), round(width, 2)))
        left += width
    return parts


def _widths(counts: list[int], total: int) -> list[float]:
    """In proportion, but none below LEAST_WIDTH: the wide ones give what the narrow ones lack."""
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
    """How far a log has come, 0 to 100; None where nobody knows how much there is."""
    if log.status == "completed":
        return 100.0
    total = progress.total if progress else log.received
    done = log.received if progress else log.records_synced + log.records_skipped
    return min(100.0, round(100.0 * done / total, 1)) if total else None
