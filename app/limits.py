"""How often a store may call, and how many of its calls may wait for a result at once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from redis.exceptions import RedisError

from app.errors import ApiError
from workers.queues import WakeUp

WINDOW_SECONDS = 60
SETTLE_SECONDS = 0.25


@dataclass(slots=True)
class _Tally:
    """Requests of one store in one minute: `total` as Redis last knew it, `unsettled` counted here since."""

    minute: int
    total: int = 0
    unsettled: int = 0
    settled_at: float = float("-inf")


@dataclass(slots=True)
class RateLimiter:
    """Requests of a store in the running minute over all processes; of this process alone while Redis is away.

    Counts are settled with Redis four times a second at most, so a store may exceed its limit by what a quarter of a second
    brings; a request in between costs no round trip.
    """

    wake_up: WakeUp
    per_minute: int
    clock: Callable[[], float] = time.time
    _tallies: dict[UUID, _Tally] = field(default_factory=dict)
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
            if now - tally.settled_at < SETTLE_SECONDS:
                return tally.total + tally.unsettled
            tally.settled_at = now
            delta, tally.unsettled = tally.unsettled, 0
        total = self._settle(store_id, tally.minute, delta)  # outside the lock: Redis may be slow
        with self._lock:
            tally.total = tally.total + delta if total is None else total
            return tally.total + tally.unsettled

    def _tally(self, store_id: UUID, minute: int) -> _Tally:
        """This minute's tally. A new minute forgets the stores of the last, so the table stays as small as the traffic."""
        tally = self._tallies.get(store_id)
        if tally is None or tally.minute != minute:
            if tally is not None:
                self._tallies = {key: kept for key, kept in self._tallies.items() if kept.minute == minute}
            tally = self._tallies[store_id] = _Tally(minute)
        return tally

    def _settle(self, store_id: UUID, minute: int, delta: int) -> int | None:
        """Add to the count in Redis; the count of all processes, or None while Redis is away."""
        if self.wake_up.is_resting:
            return None
        key = f"sluice:rate:{store_id}:{minute}"
        try:
            with self.wake_up.redis.pipeline(transaction=False) as pipe:
                pipe.incrby(key, delta)
                pipe.expire(key, 2 * WINDOW_SECONDS)
                return int(pipe.execute()[0])
        except RedisError as error:
            self.wake_up.rest(error)
            return None


@dataclass(frozen=True, slots=True)
class WaitingRoom:
    """Bounds how many requests of this process may hold a thread for `Prefer: wait`."""

    seats: threading.BoundedSemaphore | None

    @contextmanager
    def seat(self) -> Iterator[bool]:
        """Whether there is a seat, for the time of the block; nobody queues for one."""
        taken = self.seats is not None and self.seats.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken and self.seats is not None:
                self.seats.release()


def waiting_room(seats: int) -> WaitingRoom:
    return WaitingRoom(threading.BoundedSemaphore(seats) if seats else None)
