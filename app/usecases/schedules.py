"""Schedules as the API and the command line set and show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.usecases.job_answers import moment
from db.pulls.schedules import Schedule
from workers.core.timing import Timing, check_timing, next_run


def make_schedule(entity: str, mode: str, stale_after_mins: int | None, timing: Timing) -> Schedule:
    """A schedule that begins now. Raises WrongSchedule."""
    checked, now = check_timing(timing), datetime.now(UTC)
    return Schedule(entity, mode, stale_after_mins, checked.cron, checked.every_seconds, next_run(checked, now, now))


def schedule_answer(schedule: Schedule) -> dict[str, Any]:
    return {
        "entity": schedule.entity,
        "syncMode": schedule.mode,
        "staleAfterMins": schedule.stale_after_mins,
        "cron": schedule.cron,
        "everySeconds": schedule.every_seconds,
        "nextRunAt": moment(schedule.next_run_at),
        "lastRunAt": moment(schedule.last_run_at),
        "lastJobId": str(schedule.last_log_id) if schedule.last_log_id else None,
    }
