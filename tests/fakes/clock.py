"""A clock that nobody waits for: sleeping moves it on."""

from __future__ import annotations

from collections.abc import Iterator

from tests.fakes.tiktok import BEGIN
from workers.platforms.base import Page, Source
from workers.platforms.http import Clock

NOW = float(BEGIN + 40 * 86400)


class FakeClock:
    """Unix and monotonic time in one, for a client and the fake it calls. `slept` holds each wait."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        """What a client takes. Chance always says a half."""
        return Clock(unix=self, monotonic=self, sleep=self.sleep, random=lambda: 0.5)


def pages_of(source: Source, cursor: str | None = None) -> Iterator[Page]:
    """Every page from a cursor on."""
    while True:
        page = source.fetch(cursor)
        yield page
        if page.cursor is None:
            return
        cursor = page.cursor
