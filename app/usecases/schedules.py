"""Schedules as the API and the command line set and show them."""

from __future__ import annotations

from datetime import UTC, datetime

from db.pulls.schedules import Schedule
from schemas.answers.fields import utc
from schemas.answers.pulls import ScheduleAnswer
from workers.core.timing import Timing, check_timing, next_run


def make_schedule(entity: str, mode: str, stale_after_mins: int | None, timing: Timing) -> Schedule:
    """A schedule that begins now. Raises WrongSchedule for a timing that can't be followed."""
    checked, now = check_timing(timing), datetime.now(UTC)
    return Schedule(entity, mode, stale_after_mins, checked.cron, checked.every_seconds, next_run(checked, now, now))


def schedule_answer(schedule: Schedule) -> ScheduleAnswer:
    return ScheduleAnswer(
        entity=schedule.entity,
        sync_mode=schedule.mode,
        stale_after_mins=schedule.stale_after_mins,
        cron=schedule.cron,
        every_seconds=schedule.every_seconds,
        next_run_at=utc(schedule.next_run_at),
        last_run_at=utc(schedule.last_run_at),
        last_job_id=schedule.last_log_id,
    )
