"""Rate limits of one shop: bookkeeping on a clock that is passed in. The caller waits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Protocol

Monotonic = Callable[[], float]


class Pacer(Protocol):
    """The rate limit of one shop for one client."""

    def delay(self) -> float:
        """Seconds to wait before the next call, and count that call."""
        ...

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer."""
        ...

    def slow_down(self) -> None:
        """Learn that the platform refused a call as one too many."""
        ...


class Unpaced:
    """No limit of ours: the caller bounds its calls. The only pacer that several threads may share."""

    def delay(self) -> float:
        return 0.0

    def observe(self, headers: Mapping[str, str]) -> None: ...

    def slow_down(self) -> None: ...


class CallLimitBucket:
    """Shopify's leaky bucket, whose level `X-Shopify-Shop-Api-Call-Limit: 32/40` reports.

    A bucket empties in 20 seconds on every plan (40 at 2/s, 400 at 20/s). `SPARE` calls are left for another pull of the same
    shop; other apps have buckets of their own.
    """

    HEADER = "x-shopify-shop-api-call-limit"
    EMPTIES_IN_SECONDS = 20.0
    SPARE = 2

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._capacity = 40.0
        self._level = 0.0
        self._as_of = monotonic()

    def delay(self) -> float:
        self._leak()
        self._level += 1
        over = self._level - (self._capacity - self.SPARE)
        return max(0.0, over / self._leak_per_second)

    def observe(self, headers: Mapping[str, str]) -> None:
        found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", headers.get(self.HEADER, ""))
        if found and int(found[2]) > self.SPARE:
            self._level, self._capacity, self._as_of = float(found[1]), float(found[2]), self._monotonic()

    def slow_down(self) -> None:
        self._level, self._as_of = self._capacity, self._monotonic()

    @property
    def _leak_per_second(self) -> float:
        return self._capacity / self.EMPTIES_IN_SECONDS

    def _leak(self) -> None:
        now = self._monotonic()
        self._level = max(0.0, self._level - (now - self._as_of) * self._leak_per_second)
        self._as_of = now


class AdaptiveRate:
    """For a rate limit that is not published, as TikTok Shop's: halved when the platform throttles, raised by a tenth after
    20 answers.

    One second's worth of calls may be made at once, so short pulls are not slowed.
    """

    SLOWEST_PER_SECOND = 0.5
    GOOD_CALLS = 20
    RAISE = 1.1

    def __init__(self, per_second: float, monotonic: Monotonic) -> None:
        self._most = per_second
        self._rate = per_second
        self._monotonic = monotonic
        self._ready = max(1.0, per_second)
        self._as_of = monotonic()
        self._good = 0

    @property
    def per_second(self) -> float:
        return self._rate

    def delay(self) -> float:
        now = self._monotonic()
        self._ready = min(max(1.0, self._rate), self._ready + (now - self._as_of) * self._rate) - 1
        self._as_of = now
        return max(0.0, -self._ready / self._rate)

    def observe(self, headers: Mapping[str, str]) -> None:
        self._good += 1
        if self._good >= self.GOOD_CALLS:
            self._good = 0
            self._rate = min(self._most, self._rate * self.RAISE)

    def slow_down(self) -> None:
        self._good = 0
        self._ready = min(self._ready, 0.0)
        self._rate = max(self.SLOWEST_PER_SECOND, self._rate / 2)
