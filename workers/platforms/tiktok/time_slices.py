"""How a walk over TikTok Shop's products is cut into parts, by the time of creation, which no edit changes. Pure decisions.

A part is read page by page. Where products changed meanwhile they may have moved between its pages, in an order that TikTok
does not tell, and pushed others over a border. Then it is read again in steps so narrow that each is one page: one answer is of
one moment, and nothing slips through it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from workers.platforms.tiktok.errors import too_many_results
from workers.platforms.tiktok.search import PAGE_SIZE

MOST_LISTED = 10_000
OLDEST = 1_577_836_800  # 2020-01-01: before the first of these shops
FULL_ENOUGH = 0.7  # of a page, for a step to be a good one
WIDER = 4  # times, after a step that met little


@dataclass(frozen=True, slots=True)
class Part:
    """Products created from `since` to `until`, both inclusive, None being open; `token` names a page of them.

    `total` counts the whole walk. `count` is how many products the part's first page told of, and `began` the platform's clock
    then. `step`: this part is one of many narrow ones, so many seconds wide.
    """

    since: int | None
    until: int | None = None
    token: str = ""
    total: int | None = None
    count: int | None = None
    began: int | None = None
    step: int | None = None

    @property
    def is_one_second(self) -> bool:
        return self.until is not None and self.since == self.until

    @property
    def most(self) -> int:
        """How many products it may hold to be read."""
        return PAGE_SIZE if self.step is not None and not self.is_one_second else MOST_LISTED


def write_part(part: Part) -> str:
    """The cursor as text."""
    named = {field.name: getattr(part, field.name) for field in fields(Part)}
    return urlencode({name: value for name, value in named.items() if value not in (None, "")})


def read_part(cursor: str) -> Part:
    """The part that a cursor names, as `write_part` wrote it."""
    found = dict(parse_qsl(cursor))
    token = found.pop("token", "")
    numbers: dict[str, Any] = {name: int(value) for name, value in found.items()}
    return replace(Part(None, token=token), **numbers)


def smaller(part: Part, now: int) -> Part:
    """The older half of a part that holds too many. Raises PlatformError where that is one second."""
    since, until = _span(part, now)
    if since == until:
        raise too_many_results()
    middle = (since + until) // 2
    step = None if part.step is None else middle - since + 1
    return Part(since, middle, total=part.total, step=step)


def in_steps(part: Part, now: int) -> Part:
    """The first narrow step of a part whose products moved while it was read; one second is read again as it is."""
    if part.is_one_second:
        return replace(part, token="", count=None, began=None)
    since, until = _span(part, now)
    width = int((until - since + 1) * PAGE_SIZE * FULL_ENOUGH / max(part.count or 1, PAGE_SIZE))
    return _step(since, max(1, width), part.total, now)


def after(part: Part, found: int, now: int) -> Part | None:
    """The part that follows one which is read; None at the end. `found`: how many products its last page held."""
    if part.until is None:
        return None
    if part.step is None:
        return Part(part.until + 1, total=part.total)
    is_sparse = found < PAGE_SIZE * FULL_ENOUGH / WIDER
    return _step(part.until + 1, part.step * (WIDER if is_sparse else 1), part.total, now)


def _step(since: int, width: int, total: int | None, now: int) -> Part:
    """A narrow part; the last one is open, for products that are made meanwhile."""
    until = since + width - 1
    return Part(since, until if until < now else None, total=total, step=width)


def _span(part: Part, now: int) -> tuple[int, int]:
    since = OLDEST if part.since is None else part.since
    return since, max(since, now) if part.until is None else part.until
