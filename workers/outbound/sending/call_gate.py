"""Lets as many calls to one shop through at once as it bears: the thin part of pacing, shared by the threads of a turn."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from workers.outbound.planning.pacing import (
    CALLS_AT_ONCE,
    PRODUCTS_A_CALL,
    Signal,
    calls_at_once,
    next_products_at_once,
    products_a_call,
    read_signal,
)
from workers.platforms.common.interface import PlatformError

SPARE_CLAIMS = 2  # while the calls are on their way, the next claim is made and the last results are saved


class CallKind(enum.Enum):
    """As many reads as writes may be on their way: they cost a shop much less."""

    READ = "read"
    WRITE = "write"


class CallGate:
    """Counts the calls of each kind on their way and learns from their answers. Each `enter` needs its `leave`."""

    def __init__(self, products_at_once: int | None = None, calls_limit: int = CALLS_AT_ONCE) -> None:
        """`products_at_once`: what was learned in earlier turns, None for nothing."""
        most = calls_limit * PRODUCTS_A_CALL
        self.calls_limit = calls_limit
        self._products = most if products_at_once is None else min(products_at_once, most)
        self._on_their_way = dict.fromkeys(CallKind, 0)
        self._claims = 0
        self._cut_at = 0.0
        self._changed = threading.Condition()

    @property
    def products_at_once(self) -> int:
        return self._products

    @property
    def calls_at_once(self) -> int:
        return calls_at_once(self._products)

    @property
    def products_a_call(self) -> int:
        return products_a_call(self._products)

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Wait until another claim is of use: items that a shop can't take yet stay unclaimed, for more urgent ones to pass."""
        with self._changed:
            self._changed.wait_for(lambda: self._claims < most_claims(self.calls_at_once))
            self._claims += 1
        try:
            yield
        finally:
            with self._changed:
                self._claims -= 1
                self._changed.notify_all()

    def enter(self, kind: CallKind) -> float:
        """Wait for a free place; returns the monotonic second at which the call begins."""
        with self._changed:
            self._changed.wait_for(lambda: self._on_their_way[kind] < self.calls_at_once)
            self._on_their_way[kind] += 1
            return time.monotonic()

    def leave(self, kind: CallKind, began: float, seconds: float, error: PlatformError | None) -> None:
        """Free the place of a call that began at `began`, and learn from its answer."""
        with self._changed:
            self._on_their_way[kind] -= 1
            # What was on its way when the number was halved says nothing of what the shop bears since.
            if began > self._cut_at:
                signal = read_signal(seconds, error)
                self._products = next_products_at_once(self._products, signal, self.calls_limit)
                if signal is Signal.SLOW:
                    self._cut_at = time.monotonic()
            self._changed.notify_all()


def most_claims(calls_at_once: int) -> int:
    """How many claims are of use at once: one for each read and each write, and the spare ones."""
    return len(CallKind) * calls_at_once + SPARE_CLAIMS
