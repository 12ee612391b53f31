"""Decisions about time: where a pull starts, what it has covered, how far the overlap reaches."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.sync.metadata import Metadata
from workers.platforms.common.interface import Window
from workers.pulls.watermark import (
    RunFacts,
    clock_before,
    contiguous_until,
    covered_until,
    holes,
    in_order,
    incremental_window,
    is_complete,
    late_by,
    parse_window,
    populate_window,
    widened_overlap,
    window_json,
)

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def metadata(**more: Any) -> Metadata:
    facts: dict[str, Any] = {
        "sync_type": "orders",
        "last_sync_time": NOON,
        "last_record_time": NOON,
        "records_synced": 1,
        "is_full_sync": False,
        "overlap": 5 * MINUTE,
        "lateness": None,
        "worst_lateness": None,
        "populated_to": None,
        "populated_from": None,
        "populated_at": None,
        "lowest_id": None,
    }
    return Metadata(**facts | more)


def met(**more: Any) -> RunFacts:
    facts: dict[str, Any] = {
        "mode": "incremental",
        "window_from": None,
        "window_until": None,
        "is_partial": False,
        "watermark": NOON,
        "read_to": NOON - HOUR,
        "in_order": True,
        "has_rest": False,
        "existing": 0,
    }
    return RunFacts(**facts | more)


def test_clock_before_a_call_subtracts_its_duration() -> None:
    told = NOON + timedelta(seconds=10.4)
    assert clock_before(told, 3.2, NOON - HOUR) == NOON + timedelta(seconds=7)
    assert clock_before(None, 3.2, NOON + timedelta(seconds=0.9)) == NOON


def test_incremental_pull_starts_before_the_watermark() -> None:
    assert incremental_window(metadata()) == Window(updated_from=NOON - 5 * MINUTE)
    assert incremental_window(None) == incremental_window(metadata(last_sync_time=None)) == Window()


@pytest.mark.parametrize(
    ("known", "created_from", "window"),
    [
        ({}, None, Window()),
        ({}, NOON, Window(created_from=NOON)),
        ({"populated_to": 7, "populated_at": NOON}, None, Window(after_id=7)),
        ({"populated_to": 7, "populated_at": NOON}, NOON - HOUR, Window(after_id=7)),
        ({"populated_to": 7, "populated_at": NOON}, NOON, Window(after_id=7)),
        ({"populated_to": 7, "populated_at": NOON}, NOON + HOUR, Window(created_from=NOON + HOUR)),
        ({"populated_to": 7, "populated_at": NOON, "populated_from": NOON - HOUR}, None, Window()),
        ({"populated_to": 7, "populated_at": NOON, "populated_from": NOON - HOUR}, NOON - HOUR, Window(after_id=7)),
        ({"populated_to": 7}, NOON - HOUR, Window(created_from=NOON - HOUR)),
        ({"populated_at": NOON}, NOON - HOUR, Window(created_from=NOON - HOUR)),
        ({"populated_to": 7, "populated_at": NOON, "populated_from": NOON - HOUR}, NOON - MINUTE, Window(after_id=7)),
    ],
)
def test_populate_resumes_after_one_that_looked_as_far_back(
    known: dict[str, Any], created_from: datetime | None, window: Window
) -> None:
    assert populate_window(metadata(**known), created_from) == window


def test_ended_pull_covers_up_to_its_first_fetch() -> None:
    assert covered_until(met()) == NOON
    assert covered_until(met(window_until=NOON - HOUR)) == NOON - HOUR
    assert covered_until(met(watermark=None)) is None


def test_limited_pull_covers_only_what_it_read_in_order() -> None:
    assert covered_until(met(has_rest=True)) == NOON - HOUR
    assert covered_until(met(has_rest=True, read_to=NOON + HOUR)) == NOON
    assert covered_until(met(has_rest=True, in_order=False)) is None
    assert covered_until(met(has_rest=True, read_to=None)) is None


def test_pull_that_skipped_records_is_not_complete() -> None:
    assert is_complete(met())
    assert is_complete(met(mode="populate"))
    assert not is_complete(met(mode="populate", existing=1))
    assert not is_complete(met(is_partial=True))


def test_watermark_ends_at_the_first_gap() -> None:
    assert contiguous_until([(None, NOON), (NOON + HOUR, NOON + 2 * HOUR)]) == NOON
    assert contiguous_until([(NOON, NOON + HOUR)]) is None
    assert contiguous_until([]) is None


def test_gaps_are_before_and_between_ranges() -> None:
    assert holes([(None, NOON), (NOON + HOUR, NOON + 2 * HOUR)]) == [(NOON, NOON + HOUR)]
    assert holes([(NOON, NOON + HOUR)]) == [(None, NOON)]
    assert holes([]) == []


def test_lateness_is_measured_from_the_watermark() -> None:
    assert late_by(NOON - MINUTE, NOON) == MINUTE
    assert late_by(NOON, NOON) is None
    assert late_by(None, NOON) is None
    assert late_by(NOON, None) is None


def test_first_populate_starts_where_it_is_asked_to() -> None:
    assert populate_window(None, NOON) == Window(created_from=NOON)


def test_overlap_widens_beyond_four_fifths_of_it() -> None:
    assert widened_overlap(HOUR, 48 * MINUTE) == HOUR
    assert widened_overlap(HOUR, 50 * MINUTE) == 75 * MINUTE


@given(st.timedeltas(MINUTE, 24 * HOUR), st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=9)))
def test_overlap_widens_for_late_records_and_never_shrinks(overlap: timedelta, lateness: timedelta | None) -> None:
    wide = widened_overlap(overlap, lateness)
    assert overlap <= wide <= 24 * HOUR
    assert lateness is None or wide == 24 * HOUR or wide >= lateness


@given(st.lists(st.datetimes(timezones=st.just(UTC))))
def test_in_order_means_already_sorted(times: list[datetime]) -> None:
    assert in_order(times, None) == (times == sorted(times))
    assert in_order(sorted(times), max(times, default=None)) == (len(set(times)) <= 1)


def test_window_survives_its_json_form() -> None:
    window = Window(updated_from=NOON, updated_until=NOON + HOUR, after_id=2**60)
    assert parse_window(window_json(window)) == window
    assert parse_window(window_json(Window())) == Window()
