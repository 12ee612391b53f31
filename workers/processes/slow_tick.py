"""The part of the dispatcher's tick that may take long: outbound tasks, published orders, pruning, measuring."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.pool import Pool
from db.insight.storage import list_full_stores, measure_storage
from db.outbound.push_leases import list_due_stores, prune_items, prune_runs
from workers.core.queues import WakeUp
from workers.core.timing import Periodic
from workers.outbound.publish_orders import publish_orders
from workers.processes.scheduler import OUTBOUND_TASKS, run_due

log = get_logger(__name__)

MOST_STORES = 500
PRUNE_EVERY_SECONDS = 600.0
PRUNED_AT_ONCE = 1000
STORAGE_PAUSE = timedelta(minutes=5)
STORAGE_BLOCKS = 1000  # 8 MB of each table


@dataclass(slots=True)
class SlowTick:
    settings: Settings
    pool: Pool
    wake_up: WakeUp
    storage_pause: timedelta = STORAGE_PAUSE
    periodic: list[Periodic] = field(init=False)

    def __post_init__(self) -> None:
        self.periodic = [Periodic(PRUNE_EVERY_SECONDS, self._prune)]
        if self.settings.max_store_bytes:
            self.periodic.append(Periodic(self.storage_pause.total_seconds(), self._measure_storage))

    def run(self) -> None:
        """One round. Raises psycopg.Error and PoolTimeout if the database is away."""
        for ticket in run_due(self.pool, OUTBOUND_TASKS, self.settings.max_store_bytes):
            self.wake_up.enqueue([ticket])
        for work in self.periodic:
            work.tick()
        publish_orders(self.pool, self.wake_up)
        with self.pool.connection() as conn:
            due_stores = list_due_stores(conn, MOST_STORES)
        for store_id in due_stores:
            self.wake_up.push(store_id)

    def _prune(self) -> bool:
        with self.pool.connection() as conn:
            items = prune_items(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            runs = prune_runs(conn, self.settings.retention_days, PRUNED_AT_ONCE)
        if items or runs:
            log.info("push_pruned", items=items, runs=runs)
        return max(items, runs) < PRUNED_AT_ONCE

    def _measure_storage(self) -> bool:
        with self.pool.connection() as conn:
            # None if another dispatcher measured within the pause.
            stores = measure_storage(conn, STORAGE_BLOCKS, self.storage_pause)
            full = len(list_full_stores(conn, self.settings.max_store_bytes))
        if stores is not None:
            log.info("storage_measured", stores=stores, full=full)
        return True
