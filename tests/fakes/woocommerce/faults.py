"""Faults of the host of the fake shop."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

KINDS = (
    "rate_limit",
    "maintenance",
    "html",
    "error_page",
    "database_down",
    "php_warning",
    "buffered_warning",
    "hang",
    "drop",
    "lost_answer",
    "crash",
    "bad_gateway",
    "gateway_timeout",
)


@dataclass(slots=True)
class Fault:
    """A fault of one of KINDS, for calls whose `METHOD /route` the pattern matches.

    `times`: how many calls it meets, None for all; `skip`: how many it lets pass before. `seconds`: what Retry-After says, or
    how long a `hang` lasts, which does the work and answers in the end; negative for no Retry-After. `drop` does nothing and
    closes, `lost_answer` does the work and closes, `crash` is PHP's fatal error before any work. `php_warning` replaces the
    headers, `buffered_warning` leaves them. `bad_gateway` is a web server whose PHP is down, `gateway_timeout` one
    that gave up although the work is done.
    """

    kind: str
    pattern: str = ""
    times: int | None = 1
    skip: int = 0
    seconds: float = -1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(self.kind)


class Faults:
    """Pending faults, used in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def meet(self, endpoint: str) -> Fault | None:
        with self._lock:
            for fault in self._waiting:
                if re.search(fault.pattern, endpoint) is None:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._waiting.remove(fault)
                return fault
        return None
