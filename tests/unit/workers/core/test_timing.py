"""When a schedule is due: cron in UTC, an interval on its beat, and no timing that never comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.timing import Timing, WrongSchedule, check_timing, next_run

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@given(st.integers(30, 90_000), st.integers(0, 400_000))
def test_an_interval_keeps_to_its_beat_and_missed_ticks_are_one(seconds: int, gone: int) -> None:
    now = NOON + timedelta(seconds=gone)
    found = next_run(Timing(None, seconds), NOON, now)
    assert now < found <= now + timedelta(seconds=seconds)
    assert (found - NOON).total_seconds() % seconds == 0


def test_a_cron_expression_is_read_in_utc() -> None:
    assert next_run(Timing("*/15 * * * *", None), NOON, NOON) == NOON + timedelta(minutes=15)
    assert next_run(Timing("0 3 * * 1", None), NOON, NOON + timedelta(days=30)).strftime("%a %H:%M") == "Mon 03:00"


def test_a_good_timing_comes_back_in_its_plain_form() -> None:
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
def test_a_timing_that_can_not_be_followed_is_refused(timing: Timing) -> None:
    with pytest.raises(WrongSchedule):
        check_timing(timing)
