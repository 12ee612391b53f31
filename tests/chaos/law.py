"""Watches the watermark while everything else goes wrong: whatever the platform showed before it must be in the tables.

The judge knows each change from the one who made it, reads watermark and rows in one snapshot, and shares no code with the
product. The law is held to more strictly than it is promised: no overlap is taken off.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg

from tests.support.stack import Shop

EVERY_SECONDS = 0.5
SNAPSHOT = """
    SELECT (SELECT extract(epoch FROM last_sync_time)::float8 FROM sync_metadata
             WHERE store_id = %(store)s AND sync_type = 'orders'),
           (SELECT coalesce(jsonb_object_agg(external_id, extract(epoch FROM date_modified)), '{}') FROM orders
             WHERE store_id = %(store)s)"""


@dataclass(frozen=True)
class Change:
    """An order as the platform shows it from `shown` on; `moment` is the time of change that it bears. Unix seconds."""

    order: int
    moment: int
    shown: float


@dataclass
class History:
    """All that was ever changed on the platform, by the one who changes it."""

    changes: list[Change] = field(default_factory=list)

    def due(self, watermark: float) -> dict[int, int]:
        """The orders that must stand, each with its time of change.

        An order that was changed again since is not there any more as it was: it counts by its last change alone.
        """
        last = {change.order: change for change in list(self.changes)}
        return {change.order: change.moment for change in last.values() if change.shown < watermark}


def breaches(history: History, watermark: float, stored: Mapping[int, float]) -> list[str]:
    """A line for each order that was shown before the watermark, and is missing or older than that."""
    return [
        f"the watermark {watermark:.0f} is ahead: order {order} of {moment} is {stored.get(order)}"
        for order, moment in history.due(watermark).items()
        if stored.get(order, -1.0) < moment
    ]


@dataclass
class Watcher:
    """Looks twice a second. `moves` counts the watermarks that were seen."""

    shop: Shop
    history: History
    looks: int = 0
    moves: int = 0
    wrong: list[str] = field(default_factory=list)
    _last: float = 0.0

    def watch(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_SECONDS):
            try:
                self.look()
            except psycopg.Error:  # the database is what is being killed
                continue

    def look(self) -> None:
        """One snapshot, held against the history of then and a moment more."""
        with self.shop.stack.superuser() as conn:
            row = conn.execute(SNAPSHOT, {"store": self.shop.id}).fetchone()
        self.looks += 1
        if row is None or row[0] is None:
            return
        watermark, stored = float(row[0]), {int(key): float(moment) for key, moment in row[1].items()}
        if watermark < self._last:
            self.wrong.append(f"the watermark went back from {self._last:.0f} to {watermark:.0f}")
        self.moves += watermark != self._last
        self._last = watermark
        self.wrong += breaches(self.history, watermark, stored)
