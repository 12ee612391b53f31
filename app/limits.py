"""How often a store may call, and how many of its calls may wait for a result at once."""

from __future__ import annotations

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


@dataclass(slots=True)
class RateLimiter:
    """Requests of a store in the running minute, counted in Redis over all processes; in this process while Redis is away."""

    wake_up: WakeUp
    per_minute: int
    clock: Callable[[], float] = time.time
    _minute: int = 0
    _counts: dict[UUID, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, store_id: UUID) -> None:
        """Count a request. Raises ApiError 429 with the seconds until the next minute."""
        now = self.clock()
        minute = int(now // WINDOW_SECONDS)
        if self._count(store_id, minute) > self.per_minute:
            wait = max(1, round((minute + 1) * WINDOW_SECONDS - now))
            message = f"more than {self.per_minute} requests a minute"
            raise ApiError("RATE_LIMITED", message, {"Retry-After": str(wait)})

    def _count(self, store_id: UUID, minute: int) -> int:
        if not self.wake_up.is_resting:
            try:
                return self._count_in_redis(store_id, minute)
            except RedisError as error:
                self.wake_up.rest(error)
        return self._count_here(store_id, minute)

    def _count_in_redis(self, store_id: UUID, minute: int) -> int:
        key = f"sluice:rate:{store_id}:{minute}"
        with self.wake_up.redis.pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, 2 * WINDOW_SECONDS)
            return int(pipe.execute()[0])

    def _count_here(self, store_id: UUID, minute: int) -> int:
        with self._lock:
            if minute != self._minute:
                self._minute = minute
                self._counts.clear()
            self._counts[store_id] = self._counts.get(store_id, 0) + 1
            return self._counts[store_id]


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
