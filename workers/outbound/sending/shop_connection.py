"""The line to one shop: a bounded number of calls at once, each only while we are the one who sends for the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from workers.outbound.planning.outcomes import Outcomes
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient

T = TypeVar("T")
CALLS_AT_ONCE = 4


class LeaseLost(Exception):
    """Another process may be sending for this store by now: nothing goes out any more, and nothing is recorded."""


@dataclass(slots=True)
class Line:
    """One shop for the length of a drain. `shop` is the error where it can't even be opened.

    `good_until` is the monotonic second at which the lease runs out unless it is renewed.
    """

    shop: WooCommerceClient | PlatformError
    good_until: float
    clock: Callable[[], float] = time.monotonic
    seats: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(CALLS_AT_ONCE))

    def call(self, outcomes: Outcomes, ask: Callable[[WooCommerceClient], T]) -> T:
        """Make one call, once there is a seat, and note how long the shop took. Raises PlatformError, LeaseLost."""
        if isinstance(self.shop, PlatformError):
            raise self.shop
        with self.seats:
            if self.clock() >= self.good_until:
                raise LeaseLost
            began = self.clock()
            try:
                return ask(self.shop)
            finally:
                outcomes.platform_seconds += self.clock() - began
                outcomes.calls += 1

    def close(self) -> None:
        if not isinstance(self.shop, PlatformError):
            self.shop.close()
