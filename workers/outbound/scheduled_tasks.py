"""Runs the outbound tasks of stores, at the times of specification 3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.drift import get_check, get_drift_settings, request_check
from db.outbound.push_leases import claim_task, plan_task
from db.sync.logs import Ticket
from workers.core.timing import Timing, next_run
from workers.outbound.planning.drift import read_drift_settings
from workers.outbound.runs import retry_failed, start_full
from workers.pulls.start import AlreadyRunning, Wanted, start_pull

log = get_logger(__name__)

TASKS = {
    "full": Timing(cron="0 3 * * *"),  # send all products that changed
    "retry": Timing(cron="*/30 * * * *"),
    "orders": Timing(cron="*/5 * * * *"),  # pull them
    "drift": Timing(every_seconds=3600),  # compare what changed in the shop; a store may have its own interval
}
WHOLE_AFTER = timedelta(hours=24)  # then a drift check compares all products


def run_task(pool: Pool, store_id: UUID, task: str, is_full: bool = False) -> list[Ticket]:
    """Run a due task in one transaction with its next time. Returns the pulls to enqueue.

    Does nothing if another dispatcher has the task. A store above its quota pulls no orders.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        now = datetime.now(UTC)
        drift = read_drift_settings(get_drift_settings(conn, store_id)) if task == "drift" else None
        timing = Timing(every_seconds=drift.every_minutes * 60) if drift and drift.every_minutes else TASKS[task]
        following = next_run(timing, now, now)
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
        if drift is not None:
            if drift.every_minutes:
                start_drift_check(conn, store_id, now)
            return []
        if task == "full":
            items = start_full(conn, store_id, "schedule", force=False).items
        else:
            items = retry_failed(conn, store_id, everything=False)
    log.info("push_task_run", store_id=str(store_id), task=task, items=items)
    return []


def start_drift_check(conn: Connection, store_id: UUID, now: datetime) -> None:
    """Let the next sender compare what changed in the shop, or all products once a day."""
    check = get_check(conn, store_id)
    whole_at = check.whole_at if check else None
    request_check(conn, store_id, whole=whole_at is None or now - whole_at >= WHOLE_AFTER)
