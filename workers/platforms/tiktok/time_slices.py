"""Cuts the reading of TikTok Shop's products into slices by creation time, which no edit changes. Pure.

A slice is read page by page. If products changed meanwhile, they may have moved between its pages, in an order that TikTok
does not define, and pushed others across a page border. Then the slice is read again in narrow slices of one page each: one
answer is consistent, so nothing is missed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from workers.platforms.tiktok.errors import too_many_results
from workers.platforms.tiktok.search import PAGE_SIZE

MOST_LISTED = 10_000
OLDEST = 1_577_836_800  # 2020-01-01: before the first of these shops
FULL_ENOUGH = 0.7  # of a page: the number of products that a narrow slice aims at
WIDER = 4  # times, after a slice with few products


@dataclass(frozen=True, slots=True)
class TimeSlice:
    """Products created from `since` to `until`, both inclusive, None for open; `token` names a page of them.

    `total` counts the whole window. `count` is the number of products in the slice when its first page was read, and `began`
    the platform's clock then. `step`: the width in seconds of a narrow slice.
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
        # How many products it may hold to be readable.
        return PAGE_SIZE if self.step is not None and not self.is_one_second else MOST_LISTED


def encode_slice(time_slice: TimeSlice) -> str:
    named = {field.name: getattr(time_slice, field.name) for field in fields(TimeSlice)}
    return urlencode({name: value for name, value in named.items() if value not in (None, "")})


def decode_slice(cursor: str) -> TimeSlice:
    found = dict(parse_qsl(cursor))
    token = found.pop("token", "")
    numbers: dict[str, Any] = {name: int(value) for name, value in found.items()}
    return replace(TimeSlice(None, token=token), **numbers)


def older_half(time_slice: TimeSlice, now: int) -> TimeSlice:
    """The older half of a slice with too many products. Raises PlatformError if the slice is one second."""
    since, until = _span(time_slice, now)
    if since == until:
        raise too_many_results()
    middle = (since + until) // 2
    step = None if time_slice.step is None else middle - since + 1
    return TimeSlice(since, middle, total=time_slice.total, step=step)


def narrow_slices(time_slice: TimeSlice, now: int) -> TimeSlice:
    """The first narrow slice of a slice whose products moved while it was read. A slice of one second is read again."""
    if time_slice.is_one_second:
        return replace(time_slice, token="", count=None, began=None)
    since, until = _span(time_slice, now)
    width = int((until - since + 1) * PAGE_SIZE * FULL_ENOUGH / max(time_slice.count or 1, PAGE_SIZE))
    return _step(since, max(1, width), time_slice.total, now)


def next_slice(time_slice: TimeSlice, found: int, now: int) -> TimeSlice | None:
    if time_slice.until is None:
        return None
    if time_slice.step is None:
        return TimeSlice(time_slice.until + 1, total=time_slice.total)
    is_sparse = found < PAGE_SIZE * FULL_ENOUGH / WIDER
    return _step(time_slice.until + 1, time_slice.step * (WIDER if is_sparse else 1), time_slice.total, now)


def _step(since: int, width: int, total: int | None, now: int) -> TimeSlice:
    until = since + width - 1
    # The last one is open, for products that are created meanwhile.
    return TimeSlice(since, until if until < now else None, total=total, step=width)


def _span(time_slice: TimeSlice, now: int) -> tuple[int, int]:
    since = OLDEST if time_slice.since is None else time_slice.since
    return since, max(since, now) if time_slice.until is None else time_slice.until
