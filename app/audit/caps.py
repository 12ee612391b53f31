"""Limits how many refused requests are recorded. Changes are always recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.settings.logs import get_logger

WINDOW_SECONDS = 60
MOST_OF_AN_ADDRESS = 5
MOST_OF_ALL_ADDRESSES = 30  # an attacker with a network of addresses must not fill the table either
MOST_OF_A_TOKEN = 20

log = get_logger(__name__)


@dataclass(slots=True)
class RefusalCap:
    """Counts this process's refusals in the current minute, by address, or by token for a known caller."""

    clock: Callable[[], float] = time.time
    _minute: int = -1
    _counts: dict[str, int] = field(default_factory=dict)
    _strangers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, who: str, *, is_known: bool) -> bool:
        """Whether one more refusal of `who` is recorded. Logs the first one beyond the cap."""
        with self._lock:
            self._turn()
            if not is_known and self._strangers >= MOST_OF_ALL_ADDRESSES:
                return self._capped(who, self._strangers == MOST_OF_ALL_ADDRESSES)
            count = self._counts[who] = self._counts.get(who, 0) + 1
            most = MOST_OF_A_TOKEN if is_known else MOST_OF_AN_ADDRESS
            if count > most:
                return self._capped(who, count == most + 1)
            self._strangers += not is_known
            return True

    def _turn(self) -> None:
        minute = int(self.clock() // WINDOW_SECONDS)
        if minute != self._minute:
            self._minute, self._counts, self._strangers = minute, {}, 0

    def _capped(self, who: str, is_first: bool) -> bool:
        if is_first:
            self._strangers += self._strangers == MOST_OF_ALL_ADDRESSES  # so that this is said once a minute
            log.warning("audit_refusals_capped", who=who)
        return False
