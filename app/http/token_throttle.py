"""Limits the look-ups of wrong tokens and session cookies by client address, in this process and before the database."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.http.client_address import client_of
from app.http.errors import ApiError
from db.stores.tokens import Caller

BURST = 60  # wrong tokens of an address at once
PER_SECOND = 1.0  # refilled at this rate
REFUSED_SECONDS = 0.5  # how long a wrong token is remembered; it may be created the next moment
MOST_REMEMBERED = 10_000

LookUp = Callable[[bytes], Caller | None]


@dataclass(slots=True)
class TokenThrottle:
    """Only a failed look-up counts, so good tokens are free."""

    clock: Callable[[], float] = time.monotonic
    _failures: dict[str, tuple[float, float]] = field(default_factory=dict)  # address: count, and as of when
    _refused: dict[bytes, float] = field(default_factory=dict)
    _good: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        return len(self._failures) + len(self._refused) + len(self._good)

    def look_up(self, address: str | None, sha256: bytes, look_up: LookUp) -> Caller | None:
        """What `look_up` says of the token. Raises ApiError 429 for an address that sent too many wrong ones.

        A token that was valid before is always looked up, so that a neighbour behind the same address can't lock a plugin
        out.
        """
        now, client = self.clock(), client_of(address)
        if self._refused.get(sha256, 0.0) > now:
            return None
        if sha256 not in self._good:
            self._check(client, now)
        caller = look_up(sha256)
        if caller is None:
            self._note_failure(client, sha256, now)
        elif sha256 not in self._good:
            self._note_success(sha256)
        return caller

    def _check(self, client: str, now: float) -> None:
        excess = self._count(client, now) - (BURST - 1)
        if excess > 0:
            wait = max(1, math.ceil(excess / PER_SECOND))
            raise ApiError("RATE_LIMITED", "too many wrong tokens from this address", {"Retry-After": str(wait)})

    def _count(self, client: str, now: float) -> float:
        count, since = self._failures.get(client, (0.0, now))
        return max(0.0, count - (now - since) * PER_SECOND)

    def _note_failure(self, client: str, sha256: bytes, now: float) -> None:
        with self._lock:
            for table in (self._failures, self._refused):
                if len(table) >= MOST_REMEMBERED:
                    table.clear()
            self._failures[client] = (self._count(client, now) + 1.0, now)
            self._refused[sha256] = now + REFUSED_SECONDS
            self._good.discard(sha256)

    def _note_success(self, sha256: bytes) -> None:
        with self._lock:
            if len(self._good) >= MOST_REMEMBERED:
                self._good.clear()
            self._good.add(sha256)
