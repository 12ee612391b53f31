"""Caches for seconds which stores are above their quota, so that accepting a batch costs no round trip."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

REMEMBERED_SECONDS = 10.0


@dataclass(slots=True)
class FullStores:
    """The stores above `most_bytes`, as `look_up` finds them. 0 means no quota."""

    most_bytes: int
    look_up: Callable[[int], Iterable[UUID]]
    clock: Callable[[], float] = time.monotonic
    _ids: frozenset[UUID] = frozenset()
    _until: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def holds(self, store_id: UUID) -> bool:
        """Whether a store is above the quota, as of at most REMEMBERED_SECONDS ago."""
        if not self.most_bytes:
            return False
        # One thread looks up; the others use what was found before.
        if self.clock() >= self._until and self._lock.acquire(blocking=False):
            try:
                self._ids = frozenset(self.look_up(self.most_bytes))
                self._until = self.clock() + REMEMBERED_SECONDS
            finally:
                self._lock.release()
        return store_id in self._ids

    def forget(self) -> None:
        self._until = float("-inf")
