"""The connection to one shop: a bounded number of calls at once, each only while this worker holds the store's lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from workers.outbound.sending.call_gate import CallGate, CallKind
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce.batch import ShopObject
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

    def read_products(self, parents: Mapping[int, int | None], fields: Sequence[str]) -> dict[int, ShopObject]:
        """As the client's; each list is a call of its own here, so that pacing sees how long each takes."""
        shop, found = self._shop(), dict[int, ShopObject]()
        if shop.must_ask_for_lists(parents):
            self.read(lambda shop: shop.ask_for_lists())
        for listed in shop.lists_of(parents):
            found |= self.read(lambda shop, listed=listed: shop.read_products(listed, fields))  # type: ignore[misc]
        return found

    def _shop(self) -> WooCommerceClient:
        if isinstance(self.connection.shop, PlatformError):
            raise self.connection.shop
        return self.connection.shop

    def _call(self, ask: Callable[[WooCommerceClient], T], kind: CallKind) -> T:
        shop = self._shop()
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
