"""A platform in memory that lets a test act between the steps of a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.support.pulls import MemoryShop, MemorySource
from workers.platforms.common.interface import Window


@dataclass
class SteppedShop(MemoryShop):
    """`at_step` is called, with how often it was, ahead of each fetch: the page before is kept and not applied yet."""

    steps: int = 0
    at_step: Callable[[int], None] = lambda _count: None

    def source(self, entity: str, window: Window) -> MemorySource:
        self.steps += 1
        self.at_step(self.steps)
        return super().source(entity, window)
