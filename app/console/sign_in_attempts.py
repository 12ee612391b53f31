"""How often an address may fail to sign in: counted in Redis over all processes, in this one alone while Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from app.http.errors import ApiError
from workers.core.queues import WakeUp

WINDOW_SECONDS = 60
MOST_FAILURES = 10
MOST_ADDRESSES = 10_000


@dataclass(slots=True)
class SignInAttempts:
    """Failures of an address within the running minute."""

    wake_up: WakeUp
    clock: Callable[[], float] = time.time
    _minute: int = -1
    _here: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, address: str) -> None:
        """Raises ApiError 429 for an address that has failed too often."""
        if self._failures(address) >= MOST_FAILURES:
            wait = max(1, round(WINDOW_SECONDS - self.clock() % WINDOW_SECONDS))
            message = f"Too many attempts to sign in. Wait {wait} seconds, then try again."
            raise ApiError("RATE_LIMITED", message, {"Retry-After": str(wait)})

    def note_failure(self, address: str) -> None:
        with self._lock:
            here = self._of_this_minute()
            here[address] = here.get(address, 0) + 1
        if self.wake_up.is_resting:
            return
        try:
            with self.wake_up.redis.pipeline(transaction=False) as pipe:
                pipe.incr(self._key(address))
                pipe.expire(self._key(address), 2 * WINDOW_SECONDS)
                pipe.execute()
        except RedisError as error:
            self.wake_up.rest(error)

    def _failures(self, address: str) -> int:
        with self._lock:
            here = self._of_this_minute().get(address, 0)
        if self.wake_up.is_resting:
            return here
        try:
            return max(here, int(self.wake_up.redis.get(self._key(address)) or 0))
        except RedisError as error:
            self.wake_up.rest(error)
            return here

    def _of_this_minute(self) -> dict[str, int]:
        minute = int(self.clock() // WINDOW_SECONDS)
        if minute != self._minute or len(self._here) > MOST_ADDRESSES:
            self._minute, self._here = minute, {}
        return self._here

    def _key(self, address: str) -> str:
        return f"sluice:console:failures:{address}:{int(self.clock() // WINDOW_SECONDS)}"
