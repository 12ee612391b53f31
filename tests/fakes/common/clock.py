"""A clock that nobody waits for: sleeping moves it on."""

from __future__ import annotations

from tests.fakes.tiktok.shop import BEGIN
from workers.platforms.common.http import Clock

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
