"""The refusals of the fake Shopify, and its leaky bucket."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

from tests.fakes.common.server import Reply


class Refusal(Exception):
    def __init__(self, status: int, errors: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = Reply(status, json.dumps({"errors": errors}).encode(), headers or {})


class Bucket:
    """The leaky bucket of one app in one shop."""

    def __init__(self, capacity: int, leak: float, monotonic: Callable[[], float]) -> None:
        self.capacity, self.leak = capacity, leak
        self._monotonic = monotonic
        self._level, self._as_of = 0.0, monotonic()
        self._lock = threading.Lock()

    def take(self) -> str:
        """The header after one more call. Raises Refusal if the bucket is full."""
        with self._lock:
            now = self._monotonic()
            self._level = max(0.0, self._level - (now - self._as_of) * self.leak)
            self._as_of = now
            if self._level + 1 > self.capacity:
                told = {"X-Shopify-Shop-Api-Call-Limit": f"{self.capacity}/{self.capacity}", "Retry-After": "2.0"}
                text = "calls per second for api client. Reduce request rates to resume uninterrupted service."
                raise Refusal(429, f"Exceeded {self.leak:g} {text}", told)
            self._level += 1
            return f"{math.ceil(self._level)}/{self.capacity}"
