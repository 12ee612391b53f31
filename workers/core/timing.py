"""When something is due: schedules by cron or by interval, and the rest between two rounds of periodic work. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from croniter import croniter  # type: ignore[import-untyped]  # it has no types
from croniter.croniter import CroniterError  # type: ignore[import-untyped]

SHORTEST_SECONDS = 30
NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
FIELD = f"(?:[0-9*/,#-]|l|{NAMES}){{1,60}}"  # croniter also takes letters of its own, such as R for a random value
FIELDS = re.compile(f"{FIELD}( {FIELD}){{4}}", re.IGNORECASE | re.ASCII)


class WrongSchedule(ValueError):
    """A schedule that can't be followed. The message is safe to show."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Either a cron expression of five fields in UTC, or a number of seconds."""

    cron: str | None = None
    every_seconds: int | None = None


def check_timing(timing: Timing) -> Timing:
    """The timing with single spaces. Raises WrongSchedule."""
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
    """The first time after `now`. An interval counts from `last`, so it doesn't drift. Raises WrongSchedule if none comes."""
    if timing.every_seconds is not None:
        step = timedelta(seconds=timing.every_seconds)
        missed = max((now - last) // step, 0)
        return last + step * (missed + 1)
    try:
        found: datetime = croniter(timing.cron, now).get_next(datetime)
    except CroniterError:
        raise WrongSchedule("cron matches no date") from None
    return found


@dataclass(slots=True)
class Periodic:
    """Work of one process that rests for `rest_seconds` after a round. `run` returns whether it is done; if not, it goes on
    at the next tick."""

    rest_seconds: float
    run: Callable[[], bool]
    rested_from: float = field(default=float("-inf"))

    def tick(self) -> None:
        if time.monotonic() >= self.rested_from + self.rest_seconds and self.run():
            self.rested_from = time.monotonic()
