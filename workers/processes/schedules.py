"""Schedules: when each is due next, and the dispatcher's part: one run for a tick, one for all that were missed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from croniter import croniter  # type: ignore[import-untyped]  # it has no types
from croniter.croniter import CroniterError  # type: ignore[import-untyped]
from psycopg import Connection, Error

from app.settings.logs import get_logger
from db.core.errors import is_contended, safe_facts
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event
from db.insight.storage import list_full_stores
from db.pulls.schedules import Schedule, claim_schedule, list_due_schedules, mark_tick
from db.stores.stores import get_store
from db.sync.logs import Ticket
from schemas.platforms.registry import PLATFORMS
from workers.pulls.start import AlreadyRunning, Wanted, start_pull

log = get_logger(__name__)

MOST_A_TICK = 100
SHORTEST_SECONDS = 30
UNFOLLOWED = timedelta(hours=1)  # between runs of a schedule that was kept and can't be followed any more
NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
FIELD = f"(?:[0-9*/,#-]|l|{NAMES}){{1,60}}"  # letters of the library's own, such as R for chance, are no cron
FIELDS = re.compile(f"{FIELD}( {FIELD}){{4}}", re.IGNORECASE | re.ASCII)


class WrongSchedule(ValueError):
    """A schedule that can't be followed. The message is safe to show."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Either a cron expression of five fields in UTC, or a number of seconds."""

    cron: str | None
    every_seconds: int | None


def check_timing(timing: Timing) -> Timing:
    """The timing in its plain form. Raises WrongSchedule."""
    if (timing.cron is None) == (timing.every_seconds is None):
        raise WrongSchedule("give either cron or everySeconds")
    if timing.every_seconds is not None:
        if timing.every_seconds < SHORTEST_SECONDS:
            raise WrongSchedule(f"everySeconds must be at least {SHORTEST_SECONDS}")
        return timing
    fields = " ".join((timing.cron or "").split())
    if not FIELDS.fullmatch(fields):
        raise WrongSchedule("cron must have five fields: minute, hour, day, month, day of the week")
    checked = replace(timing, cron=fields)
    next_run(checked, datetime.now(UTC), datetime.now(UTC))
    return checked


def next_run(timing: Timing, last: datetime, now: datetime) -> datetime:
    """The first tick after now. An interval keeps to the beat of its last tick. Raises WrongSchedule where none comes."""
    if timing.every_seconds is not None:
        step = timedelta(seconds=timing.every_seconds)
        missed = max((now - last) // step, 0)
        return last + step * (missed + 1)
    try:
        found: datetime = croniter(timing.cron, now).get_next(datetime)
    except CroniterError:
        raise WrongSchedule("cron names no moment that ever comes") from None
    return found


def run_due(pool: Pool, most_store_bytes: int = 0) -> list[Ticket]:
    """Start a run for each schedule that is due; enqueue what comes back. Any number of dispatchers may do so at once.

    What stands in one store's way holds up no other: that schedule stays due. A store above its quota misses its ticks.
    """
    with pool.connection() as conn:
        due = list_due_schedules(conn, MOST_A_TICK)
        full = list_full_stores(conn, most_store_bytes) if due and most_store_bytes else []
    tickets = [_try(pool, store_id, entity, store_id in full) for store_id, entity in due]
    return [ticket for ticket in tickets if ticket is not None]


def _try(pool: Pool, store_id: UUID, entity: str, is_full: bool) -> Ticket | None:
    try:
        return _run(pool, store_id, entity, is_full)
    except Error as error:
        if not is_contended(error):
            raise
        log.warning("schedule_postponed", store_id=str(store_id), entity=entity, **safe_facts(error))
        return None


def _run(pool: Pool, store_id: UUID, entity: str, is_full: bool) -> Ticket | None:
    """The tick and its run in one transaction."""
    with pool.connection() as conn, tenant(conn, store_id):
        schedule = claim_schedule(conn, store_id, entity)
        if schedule is None:
            return None
        ticket = None if is_full else _start(conn, store_id, schedule)
        if ticket is not None:
            insert_event(conn, _event(store_id, schedule, ticket))
        mark_tick(conn, store_id, entity, _following(store_id, schedule), ticket.log_id if ticket else None)
    log.info("schedule_ran", store_id=str(store_id), entity=entity, started=ticket is not None)
    return ticket


def _event(store_id: UUID, schedule: Schedule, ticket: Ticket) -> AuditEvent:
    details = {"entity": schedule.entity, "mode": schedule.mode, "jobId": str(ticket.log_id)}
    return AuditEvent("pull.start", "ok", "schedule", schedule.entity, store_id, details=details)


def _following(store_id: UUID, schedule: Schedule) -> datetime:
    """The next tick. A timing that was right when it was kept, under other rules than today's, must not end the dispatcher."""
    now = datetime.now(UTC)
    try:
        return next_run(Timing(schedule.cron, schedule.every_seconds), schedule.next_run_at, now)
    except WrongSchedule:
        log.error("schedule_not_followed", store_id=str(store_id), entity=schedule.entity)
        return now + UNFOLLOWED


def _start(conn: Connection, store_id: UUID, schedule: Schedule) -> Ticket | None:
    """The run of a tick; None where one is in progress, which will read what this one would."""
    store = get_store(conn, store_id)
    if store is None or store.platform not in PLATFORMS:
        return None
    wanted = Wanted(schedule.entity, schedule.mode, stale_after_mins=schedule.stale_after_mins)
    try:
        with conn.transaction():
            return start_pull(conn, store_id, store.platform, wanted, None)
    except AlreadyRunning:
        return None
