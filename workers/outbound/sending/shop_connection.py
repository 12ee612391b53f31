"""The connection to one shop: a bounded number of calls at once, each only while this worker holds the store's lease."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from workers.outbound.sending.call_gate import CallGate, CallKind
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.client import WooCommerceClient

T = TypeVar("T")


class LeaseLost(Exception):
    """Another process may be sending for this store: make no more calls and save nothing."""


@dataclass(slots=True)
class ShopConnection:
    """One shop, shared by the threads of a turn. `shop` is the error if it can't be opened.

    `good_until` is the monotonic second after which no call may begin unless the lease was renewed.
    """

    shop: WooCommerceClient | PlatformError
    good_until: float
    gate: CallGate = field(default_factory=CallGate)

    def close(self) -> None:
        if not isinstance(self.shop, PlatformError):
            self.shop.close()


@dataclass(slots=True)
class ShopCalls:
    """The calls of one claim: makes them, counts those that may write, and adds up the seconds that the shop took."""

    connection: ShopConnection
    count: int = 0
    seconds: float = 0.0

    def call(self, ask: Callable[[WooCommerceClient], T]) -> T:
        """Make one call once there is a free slot. Raises PlatformError, LeaseLost."""
        return self._call(ask, CallKind.WRITE)

    def read(self, ask: Callable[[WooCommerceClient], T]) -> T:
        """As `call`, for one that changes nothing in the shop; these are not in `count`."""
        return self._call(ask, CallKind.READ)

    def _call(self, ask: Callable[[WooCommerceClient], T], kind: CallKind) -> T:
        shop = self.connection.shop
        if isinstance(shop, PlatformError):
            raise shop
        gate, failure = self.connection.gate, None
        began = gate.enter(kind)
        try:
            if began >= self.connection.good_until:
                raise LeaseLost
            self.count += kind is CallKind.WRITE
            return ask(shop)
        except PlatformError as error:
            failure = error
            raise
        finally:
            seconds = time.monotonic() - began
            self.seconds += seconds
            gate.leave(kind, began, seconds, failure)
