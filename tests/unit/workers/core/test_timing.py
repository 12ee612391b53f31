"""Times of schedules: cron in UTC, intervals without drift, no impossible timing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.timing import Timing, WrongSchedule, check_timing, next_run

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@given(st.integers(30, 90_000), st.integers(0, 400_000))
def test_interval_does_not_drift_and_runs_once_if_missed(seconds: int, gone: int) -> None:
    now = NOON + timedelta(seconds=gone)
    found = next_run(Timing(None, seconds), NOON, now)
    assert now < found <= now + timedelta(seconds=seconds)
    assert (found - NOON).total_seconds() % seconds == 0


def test_cron_expression_is_in_utc() -> None:
    assert next_run(Timing("*/15 * * * *", None), NOON, NOON) == NOON + timedelta(minutes=15)
    assert next_run(Timing("0 3 * * 1", None), NOON, NOON + timedelta(days=30)).strftime("%a %H:%M") == "Mon 03:00"


def test_valid_timing_is_normalized() -> None:
    assert check_timing(Timing(" 0  3 * *\t1 ", None)) == Timing("0 3 * * 1", None)
    assert check_timing(Timing(None, 30)) == Timing(None, 30)


@pytest.mark.parametrize(
    "timing",
    [
        Timing(None, None),
        Timing("* * * * *", 60),
        Timing(None, 29),
        Timing("* * * * * *", None),
        Timing("@daily", None),
        Timing("61 * * * *", None),
        Timing("0 0 31 2 *", None),
        Timing("*/0 * * * *", None),
        Timing("", None),
        Timing("a\0b * * * *", None),
        Timing("1" * 500, None),
    ],
)
def test_impossible_timing_is_refused(timing: Timing) -> None:
    with pytest.raises(WrongSchedule):
        check_timing(timing)
