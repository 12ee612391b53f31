"""The state of each API process's connection pool, read every few seconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from prometheus_client import Counter, Gauge

from app.metrics.requests import REGISTRY
from db.core.pool import Pool

LOOK_EVERY_SECONDS = 5.0

CONNECTIONS = Gauge(
    "sluice_database_pool_connections",
    "Connections of the API's pools: used, idle, and the most there may be.",
    ("state",),
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
WAITING = Gauge(
    "sluice_database_pool_waiting",
    "Requests that wait for a connection now.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
WAITED = Counter("sluice_database_pool_waited", "Requests that had to wait for a connection.", registry=REGISTRY)
WAIT_SECONDS = Counter("sluice_database_pool_wait_seconds", "How long they waited, together.", registry=REGISTRY)
TIMEOUTS = Counter("sluice_database_pool_timeouts", "Requests that got no connection in time.", registry=REGISTRY)
GROWING = {
    "requests_queued": (WAITED, 1.0),
    "requests_wait_ms": (WAIT_SECONDS, 0.001),
    "requests_errors": (TIMEOUTS, 1.0),
}


@dataclass(slots=True)
class PoolWatch:
    """Copies a pool's statistics into the metrics."""

    pool: Pool
    seen: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> None:
        """Set the gauges, and add to the counters what came since the last look."""
        with self.lock:
            stats = self.pool.get_stats()
            idle = stats.get("pool_available", 0)
            CONNECTIONS.labels("idle").set(idle)
            CONNECTIONS.labels("used").set(stats.get("pool_size", 0) - idle)
            CONNECTIONS.labels("most").set(stats.get("pool_max", 0))
            WAITING.set(stats.get("requests_waiting", 0))
            for name, (counter, unit) in GROWING.items():
                counter.inc((stats.get(name, 0) - self.seen.get(name, 0)) * unit)
            self.seen = stats

    def keep_looking(self) -> None:
        """Look from now on, in a daemon thread: another process may serve the scrape."""
        threading.Thread(target=self._run, name="pool-watch", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)
