"""Runs the outbound tasks of stores, at the times of specification 3."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.push_leases import claim_task, plan_task
from db.sync.logs import Ticket
from workers.core.timing import Timing, next_run
from workers.outbound.runs import retry_failed, start_full
from workers.pulls.start import AlreadyRunning, Wanted, start_pull

log = get_logger(__name__)

TASKS = {
    "full": Timing(cron="0 3 * * *"),  # send all products that changed
    "retry": Timing(cron="*/30 * * * *"),
    "orders": Timing(cron="*/5 * * * *"),  # pull them
}


def run_task(pool: Pool, store_id: UUID, task: str, is_full: bool = False) -> list[Ticket]:
    """Run a due task in one transaction with its next time. Returns the pulls to enqueue.

    Does nothing if another dispatcher has the task. A store above its quota pulls no orders.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        now = datetime.now(UTC)
        following = next_run(TASKS[task], now, now)
        plan_task(conn, store_id, task, following)
        if not claim_task(conn, store_id, task, following):
            return []
        if task == "orders":
            if is_full:
                return []
            try:
                with conn.transaction():
                    return [start_pull(conn, store_id, "woocommerce", Wanted("orders", "incremental"), None)]
            except AlreadyRunning:
                return []  # the running pull also reads what changed meanwhile
        if task == "full":
            items = start_full(conn, store_id, "schedule", force=False).items
        else:
            items = retry_failed(conn, store_id, everything=False)
    log.info("push_task_run", store_id=str(store_id), task=task, items=items)
    return []
