"""A clock for tests: sleeping only advances it."""

from __future__ import annotations

from tests.fakes.tiktok.shop import BEGIN
from workers.platforms.common.http import Clock

NOW = float(BEGIN + 40 * 86400)


class FakeClock:
    """Unix and monotonic time in one, shared by a client and its fake. `slept` lists each wait."""

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
        """The client's form of it. Random values are always 0.5."""
        return Clock(unix=self, monotonic=self, sleep=self.sleep, random=lambda: 0.5)
