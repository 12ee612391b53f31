"""Rate limit of each store, and how many requests may hold a thread at once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from redis.exceptions import RedisError

from app.http.errors import ApiError
from workers.core.queues import WakeUp

WINDOW_SECONDS = 60
SETTLE_SECONDS = 0.25


@dataclass(slots=True)
class _Tally:
    """Requests of one store in one minute: `total` as Redis last knew it, `unsettled` counted here since."""

    total: int = 0
    unsettled: int = 0


@dataclass(slots=True)
class RateLimiter:
    """Counts the requests of a store per minute over all processes, or of this process while Redis is away.

    The counts of all stores are settled with Redis in one round trip, at most four times a second. So a store may exceed its
    limit by the requests of a quarter of a second, and most requests cost no round trip.
    """

    wake_up: WakeUp
    per_minute: int
    clock: Callable[[], float] = time.time
    _minute: int = -1
    _tallies: dict[UUID, _Tally] = field(default_factory=dict)
    _settled_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, store_id: UUID) -> None:
        """Count a request. Raises ApiError 429 with the seconds until the next minute."""
        now = self.clock()
        if self._count(store_id, now) > self.per_minute:
            wait = max(1, math.ceil(WINDOW_SECONDS - now % WINDOW_SECONDS))
            message = f"more than {self.per_minute} requests a minute"
            raise ApiError("RATE_LIMITED", message, {"Retry-After": str(wait)})

    def _count(self, store_id: UUID, now: float) -> int:
        with self._lock:
            tally = self._tally(store_id, int(now // WINDOW_SECONDS))
            tally.unsettled += 1
            if 0 <= now - self._settled_at < SETTLE_SECONDS:
                return tally.total + tally.unsettled
            self._settled_at = now
            minute, brought = self._minute, self._take_unsettled()
        totals = self._settle(
            minute, {store: delta for store, (_, delta) in brought.items()}
        )  # unlocked: Redis may be slow
        with self._lock:
            for store, (settled, delta) in brought.items():
                settled.total = totals.get(store, settled.total + delta)
            return tally.total + tally.unsettled

    def _tally(self, store_id: UUID, minute: int) -> _Tally:
        # A new minute forgets the stores of the last, so the table does not grow.
        if minute != self._minute:
            self._minute, self._tallies = minute, {}
        return self._tallies.setdefault(store_id, _Tally())

    def _take_unsettled(self) -> dict[UUID, tuple[_Tally, int]]:
        brought = {store: (tally, tally.unsettled) for store, tally in self._tallies.items() if tally.unsettled}
        for tally, _ in brought.values():
            tally.unsettled = 0
        return brought

    def _settle(self, minute: int, deltas: dict[UUID, int]) -> dict[UUID, int]:
        if self.wake_up.is_resting:
            return {}
        try:
            with self.wake_up.redis.pipeline(transaction=False) as pipe:
                for store, delta in deltas.items():
                    key = f"sluice:rate:{store}:{minute}"
                    pipe.incrby(key, delta)
                    pipe.expire(key, 2 * WINDOW_SECONDS)
                return dict(zip(deltas, map(int, pipe.execute()[::2]), strict=True))
        except RedisError as error:
            self.wake_up.rest(error)
            return {}


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """Limits how many requests of this process may hold a thread for one purpose: `Prefer: wait`, or a shop's answer."""

    seats: threading.BoundedSemaphore | None

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Whether there is a free seat; it is held during the block. Does not wait."""
        taken = self.seats is not None and self.seats.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken and self.seats is not None:
                self.seats.release()


def waiting_room(seats: int) -> WaitingRoom:
    return WaitingRoom(threading.BoundedSemaphore(seats) if seats else None)
