"""Runs the pull schedules of stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg import Connection

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event
from db.pulls.schedules import Schedule, claim_schedule, mark_tick
from db.stores.stores import get_store
from db.sync.logs import Ticket
from schemas.platforms.registry import PLATFORMS
from workers.core.timing import Timing, WrongSchedule, next_run
from workers.pulls.start import AlreadyRunning, Wanted, start_pull

log = get_logger(__name__)

UNFOLLOWED = timedelta(hours=1)  # between runs of a stored schedule that can't be followed any more


def run_schedule(pool: Pool, store_id: UUID, entity: str, is_full: bool) -> list[Ticket]:
    """Start the pull of a due schedule, in one transaction with its next time. Returns what to enqueue.

    Starts nothing if another dispatcher has the schedule, a pull is running, or the store is above its quota.
    """
    with pool.connection() as conn, tenant(conn, store_id):
        schedule = claim_schedule(conn, store_id, entity)
        if schedule is None:
            return []
        ticket = None if is_full else _start(conn, store_id, schedule)
        if ticket is not None:
            details = {"entity": schedule.entity, "mode": schedule.mode, "jobId": str(ticket.log_id)}
            event = AuditEvent("pull.start", "ok", "schedule", schedule.entity, store_id, details=details)
            insert_event(conn, event)
        mark_tick(conn, store_id, entity, _next_time(store_id, schedule), ticket.log_id if ticket else None)
    log.info("schedule_ran", store_id=str(store_id), entity=entity, started=ticket is not None)
    return [ticket] if ticket else []


def _start(conn: Connection, store_id: UUID, schedule: Schedule) -> Ticket | None:
    store = get_store(conn, store_id)
    if store is None or store.platform not in PLATFORMS:
        return None
    wanted = Wanted(schedule.entity, schedule.mode, stale_after_mins=schedule.stale_after_mins)
    try:
        with conn.transaction():
            return start_pull(conn, store_id, store.platform, wanted, None)
    except AlreadyRunning:
        return None  # the running pull also reads what changed meanwhile


def _next_time(store_id: UUID, schedule: Schedule) -> datetime:
    now = datetime.now(UTC)
    try:
        return next_run(Timing(schedule.cron, schedule.every_seconds), schedule.next_run_at, now)
    except WrongSchedule:
        # Stored under older rules: it must not stop the dispatcher.
        log.error("schedule_not_followed", store_id=str(store_id), entity=schedule.entity)
        return now + UNFOLLOWED
