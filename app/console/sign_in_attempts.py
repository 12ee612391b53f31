"""Limits failed sign-ins, by token and by client. Counted in Redis for all processes, and locally if Redis is down."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from app.http.client_address import client_of
from app.http.errors import ApiError
from workers.core.queues import WakeUp

WINDOW_SECONDS = 60
MOST_FAILURES = 10  # with tokens that start alike
MOST_FAILURES_OF_CLIENT = 100  # higher, because a whole office may share an address
COMPARED_CHARACTERS = 12
MOST_COUNTED = 10_000


@dataclass(slots=True)
class SignInAttempts:
    """Failures in the current minute."""

    wake_up: WakeUp
    clock: Callable[[], float] = time.time
    _minute: int = -1
    _here: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, address: str | None, token: str) -> None:
        """Raises ApiError 429 for a token or client with too many failures."""
        bounds = (MOST_FAILURES, MOST_FAILURES_OF_CLIENT)
        failures = self._failures(_subjects(address, token))
        if any(count >= most for count, most in zip(failures, bounds, strict=True)):
            wait = max(1, round(WINDOW_SECONDS - self.clock() % WINDOW_SECONDS))
            message = f"Too many attempts to sign in. Wait {wait} seconds, then try again."
            raise ApiError("RATE_LIMITED", message, {"Retry-After": str(wait)})

    # Also counted here when Redis is up, so that nothing is forgotten when it goes down.
    def note_failure(self, address: str | None, token: str) -> None:
        subjects = _subjects(address, token)
        with self._lock:
            here = self._of_this_minute()
            for subject in subjects:
                here[subject] = here.get(subject, 0) + 1
        if self.wake_up.is_resting:
            return
        try:
            with self.wake_up.redis.pipeline(transaction=False) as pipe:
                for key in map(self._key, subjects):
                    pipe.incr(key)
                    pipe.expire(key, 2 * WINDOW_SECONDS)
                pipe.execute()
        except RedisError as error:
            self.wake_up.rest(error)

    def _failures(self, subjects: tuple[str, str]) -> list[int]:
        with self._lock:
            minute = self._of_this_minute()
            here = [minute.get(subject, 0) for subject in subjects]
        if self.wake_up.is_resting:
            return here
        try:
            counts = self.wake_up.redis.mget(list(map(self._key, subjects)))
        except RedisError as error:
            self.wake_up.rest(error)
            return here
        return [max(count, int(everywhere or 0)) for count, everywhere in zip(here, counts, strict=True)]

    def _of_this_minute(self) -> dict[str, int]:
        minute = int(self.clock() // WINDOW_SECONDS)
        if minute != self._minute or len(self._here) > MOST_COUNTED:
            self._minute, self._here = minute, {}
        return self._here

    def _key(self, subject: str) -> str:
        return f"sluice:console:failures:{subject}:{int(self.clock() // WINDOW_SECONDS)}"


def _subjects(address: str | None, token: str) -> tuple[str, str]:
    # Hashed, because the pasted text may be part of a valid token.
    first = hashlib.sha256(token[:COMPARED_CHARACTERS].encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"token:{first}", f"client:{client_of(address)}"
