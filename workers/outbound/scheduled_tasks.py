"""The dispatcher's outbound tasks: runs the schedules, publishes orders, wakes workers for due stores, prunes.

Schedules of specification 3: all products daily at 03:00 UTC, failed items every 30 minutes, orders every 5 minutes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Connection, Error

from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.errors import is_contended, safe_facts
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.insight.storage import list_full_stores, measure_storage
from db.outbound.push_leases import claim_task, list_due_stores, list_due_tasks, plan_task, prune_items, prune_runs
from db.sync.logs import Ticket
from workers.core.queues import WakeUp
from workers.outbound.publish_orders import publish_orders
from workers.outbound.runs import retry_failed, start_full
from workers.pulls.start import AlreadyRunning, Wanted, start_pull

log = get_logger(__name__)

FULL_SYNC_HOUR = 3
RETRY_EVERY = timedelta(minutes=30)
PULL_EVERY = timedelta(minutes=5)
MOST_STORES = 500
PRUNE_EVERY_SECONDS = 600.0
PRUNED_AT_ONCE = 1000
STORAGE_PAUSE = timedelta(minutes=5)
STORAGE_BLOCKS = 1000  # 8 MB of each table


@dataclass(slots=True)
class ScheduledTasks:
    """What a tick needs, and when it last pruned to the end."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    pruned_at: float = float("-inf")
    storage_pause: timedelta = STORAGE_PAUSE
    storage_looked_at: float = float("-inf")

    def tick(self) -> None:
        """One round. Raises psycopg.Error and PoolTimeout if the database is away."""
        with self.pool.connection() as conn:
            due_tasks = list_due_tasks(conn, MOST_STORES)
            most_bytes = self.settings.max_store_bytes
            full = list_full_stores(conn, most_bytes) if due_tasks and most_bytes else []
        for store_id, task in due_tasks:
            try:
                self.wake_up.enqueue(run_task(self.pool, store_id, task, store_id in full))
            except Error as error:
                if not is_contended(error):
                    raise
                # The task stays due; a locked store must not delay the others.
                log.warning("push_task_postponed", store_id=str(store_id), task=task, **safe_facts(error))
        self._prune()
        self._measure_storage()
        publish_orders(self.pool, self.wake_up)
        with self.pool.connection() as conn:
            due_stores = list_due_stores(conn, MOST_STORES)
        for store_id in due_stores:
            self.wake_up.push(store_id)

    def _prune(self) -> None:
        if time.monotonic() < self.pruned_at + PRUNE_EVERY_SECONDS:
            return
        with self.pool.connection() as conn:
            items = prune_items(conn, self.settings.retention_days, PRUNED_AT_ONCE)
            runs = prune_runs(conn, self.settings.retention_days, PRUNED_AT_ONCE)
        if items or runs:
            log.info("push_pruned", items=items, runs=runs)
        if max(items, runs) < PRUNED_AT_ONCE:
            self.pruned_at = time.monotonic()

    def _measure_storage(self) -> None:
        """Measure what each store takes, where a quota asks for it; once in a pause over all dispatchers."""
        if not self.settings.max_store_bytes:
            return
        if time.monotonic() < self.storage_looked_at + self.storage_pause.total_seconds():
            return
        with self.pool.connection() as conn:
            stores = measure_storage(conn, STORAGE_BLOCKS, self.storage_pause)
            full = len(list_full_stores(conn, self.settings.max_store_bytes))
        self.storage_looked_at = time.monotonic()
        if stores is not None:
            log.info("storage_measured", stores=stores, full=full)


def next_run(task: str, now: datetime) -> datetime:
    """When a task is due next after `now`, in UTC. Intervals are counted from midnight, so that they don't drift."""
    if task == "full":
        today = now.replace(hour=FULL_SYNC_HOUR, minute=0, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)
    step = RETRY_EVERY if task == "retry" else PULL_EVERY
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // step + 1) * step


def run_task(pool: Pool, store_id: UUID, task: str, is_full: bool = False) -> list[Ticket]:
    """Run a task that is due, unless another dispatcher does, in one transaction. Returns the pulls to enqueue.

    A store above its quota pulls no orders.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        following = next_run(task, datetime.now(UTC))
        plan_task(conn, store_id, task, following)
        if not claim_task(conn, store_id, task, following):
            return []
        if task == "orders":
            return [] if is_full else _start_order_pull(conn, store_id)
        if task == "full":
            items = start_full(conn, store_id, "schedule", force=False).items
        else:
            items = retry_failed(conn, store_id, everything=False)
    log.info("push_task_run", store_id=str(store_id), task=task, items=items)
    return []


def _start_order_pull(conn: Connection, store_id: UUID) -> list[Ticket]:
    try:
        with conn.transaction():
            return [start_pull(conn, store_id, "woocommerce", Wanted("orders", "incremental"), None)]
    except AlreadyRunning:
        return []  # the running pull also reads what changed meanwhile
