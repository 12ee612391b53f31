"""Parts of the console's pages: bars, plots, formats, timelines, modes, and the count of sign-in attempts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.console.sign_in_attempts import MOST_FAILURES, WINDOW_SECONDS, SignInAttempts
from app.console.views.bars import KINDS, LEAST_WIDTH, WIDTH, percent_of, segments_of
from app.console.views.formatting import ago, column_text, duration, label, number, utc, when
from app.console.views.logs import LogRow, row_of, timeline_of
from app.console.views.modes import MODES, modes_of, summary_of
from app.console.views.plots import RANGES, figures_of, series_of, start_of, totals_of
from app.http.errors import ApiError
from app.usecases.job_answers import job_answer
from db.insight.overview import Finished
from db.sync.logs import LogView
from schemas.answers.jobs import Progress
from schemas.platforms.registry import PLATFORMS
from schemas.requests.modes import PULL_MODES
from schemas.requests.start_form import NUMBERS, StartForm
from workers.core.ids import new_id
from workers.core.queues import WakeUp, connect

NOW = datetime(2026, 5, 4, 12, 0, 30, tzinfo=UTC)
LOG = LogView(
    id=new_id(), accepted_seq=1, entity="orders", source="plugin", mode="upsert", status="completed", phase=None, received=10,
    inserted=10, updated=0, unchanged=0, stale=0, invalid=0, existing=0, records_synced=10, records_skipped=0, attempts=1,
    next_attempt_at=NOW, accepted_at=NOW, started_at=NOW, finished_at=NOW + timedelta(seconds=2), error_code=None,
    error_message=None, request_id="r",
)  # fmt: skip


def shown(log: LogView) -> LogRow:
    return row_of(log, job_answer(log))


COUNTS = st.lists(st.integers(0, 10**6), min_size=6, max_size=6)


@given(COUNTS, st.integers(0, 10**6))
def test_a_bar_adds_up_and_shows_each_outcome(counts: list[int], still_open: int) -> None:
    counted: dict[str, Any] = dict(zip([kind for kind, *_ in KINDS], counts, strict=True))
    log = replace(LOG, received=sum(counts) + still_open, **counted)
    parts = segments_of(log)
    assert [part.count for part in parts] == [count for count in counts if count]
    assert sum(part.width for part in parts) == pytest.approx(WIDTH * sum(counts) / max(log.received, 1), abs=0.1)
    lefts = [part.left for part in parts]
    assert lefts == sorted(lefts)
    if not still_open and parts:
        assert min(part.width for part in parts) >= min(LEAST_WIDTH, WIDTH / len(parts)) * 0.9


def test_progress_is_a_percentage_of_a_known_total() -> None:
    running = replace(LOG, status="running", phase="processing", inserted=0, records_synced=0, finished_at=None)
    progress = Progress(1, 25, 100, None, None, None)
    assert percent_of(LOG, None) == 100.0
    assert percent_of(running, None) == 0.0
    assert percent_of(replace(running, received=25), progress) == 25.0
    assert percent_of(replace(running, received=25), msgspec.structs.replace(progress, total=None)) is None


@pytest.mark.parametrize(
    ("status", "source", "actions"),
    [
        ("running", "plugin", ["cancel"]),
        ("running", "shopify", ["pause", "cancel"]),
        ("paused", "shopify", ["resume", "cancel"]),
        ("failed", "plugin", ["retry"]),
        ("completed", "plugin", []),
        ("cancelled", "shopify", []),
    ],
)
def test_each_state_offers_its_actions(status: str, source: str, actions: list[str]) -> None:
    phase = "queued" if status == "running" else None
    assert shown(replace(LOG, status=status, source=source, phase=phase)).actions == actions


def test_a_timeline_ends_with_the_end_or_the_next_step() -> None:
    ended = timeline_of(shown(LOG))
    assert [step.title for step in ended] == ["Saved", "Started by a worker", "Completed"]
    retrying = replace(LOG, status="running", phase="retrying", finished_at=None, error_message="the database was away")
    last = timeline_of(shown(retrying))[-1]
    assert last.title == "Waiting to retry" and "the database was away" in last.detail


@given(
    st.sampled_from(sorted(RANGES)),
    st.lists(
        st.tuples(st.integers(0, 700_000), st.sampled_from(["completed", "failed", "cancelled"]), st.integers(0, 99))
    ),
)
def test_plots_contain_all_syncs_of_their_range(name: str, ended: list[tuple[int, str, int]]) -> None:
    range_ = RANGES[name]
    begin = start_of(range_, NOW)
    assert begin <= NOW - timedelta(seconds=range_.seconds - 2 * range_.step)
    at = [begin + timedelta(seconds=back % range_.seconds // range_.step * range_.step) for back, *_ in ended]
    found = [Finished(moment, status, 1, count, 1) for moment, (_, status, count) in zip(at, ended, strict=True)]
    series, totals = series_of(found, range_, begin), totals_of(found)
    assert {len(column) for key, column in series.items() if key != "step"} == {range_.seconds // range_.step}
    assert (sum(series["synced"]), sum(series["completed"]), sum(series["failed"])) == (
        totals.synced,
        totals.completed,
        totals.failed,
    )
    assert sum(line[1] for line in figures_of(series)) == totals.synced


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0, "0 ms"), (0.04, "40 ms"), (9.94, "9.9 s"), (42, "42 s"), (185, "3 min 5 s"),
     (7800, "2 h 10 min"), (3600, "1 h"),
     (273_600, "3 d 4 h")],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "now"), (1, "1 second ago"), (119, "1 minute ago"), (90_000, "1 day ago"), (-7200, "in 2 hours")],
)
def test_times_are_relative_in_one_unit(seconds: int, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


def test_numbers_and_times_have_one_format() -> None:
    assert (number(1234567), number(None), label("needs_approval")) == ("1,234,567", "–", "waiting for approval")
    assert utc(NOW.astimezone()) == "2026-05-04 12:00:30 UTC"
    assert "2026-05-04 12:00:30 UTC" in when(NOW) and "<time datetime=" in when(NOW)


def test_every_mode_of_a_platform_has_a_summary() -> None:
    assert set(MODES) == set(PULL_MODES)
    for platform in PLATFORMS:
        for mode in modes_of(platform):
            form = StartForm("orders", mode.name, *(7 if name in mode.numbers else None for name in NUMBERS))
            sentence = summary_of(platform, form)
            assert sentence.endswith(".") and "None" not in sentence
            assert ("7" in sentence) == bool(mode.numbers)


def test_sign_in_failures_are_counted_without_redis() -> None:
    now = [1000.0]
    attempts = SignInAttempts(WakeUp(connect("redis://127.0.0.1:1")), lambda: now[0])
    for _ in range(MOST_FAILURES):
        attempts.check("192.0.2.1", "slc_one-token")
        attempts.note_failure("192.0.2.1", "slc_one-token")
    with pytest.raises(ApiError) as caught:
        attempts.check("192.0.2.1", "slc_one-token")
    assert caught.value.code == "RATE_LIMITED"
    attempts.check("192.0.2.1", "slc_other-token")
    now[0] += WINDOW_SECONDS
    attempts.check("192.0.2.1", "slc_one-token")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [("19.900000", "19.90"), ("-0.125000", "-0.125"), ("7.000000", "7.00"), ("1.5", "1.5"), ("x", "x")],
)
def test_amounts_lose_the_databases_zeros(stored: str, shown: str) -> None:
    assert column_text(stored) == shown
