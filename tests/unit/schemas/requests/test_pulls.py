"""Requests to start and schedule pulls: wrong options are refused with a message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.requests.pulls import WrongRequest, read_schedule, read_shopify_start
from workers.core.timing import Timing, WrongSchedule, check_timing


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"jobType": ["orders"]}, "jobType must be one of"),
        ({"jobType": "orders", "syncMode": 1}, "syncMode must be one of"),
        ({"jobType": "orders", "syncMode": "POPULATE"}, "syncMode must be one of"),
        ({"jobType": "orders", "syncmode": "populate"}, "syncmode is not known"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": "60"}, "staleAfterMins must be a whole number"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": 60.5}, "staleAfterMins must be a whole number"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": -1}, "staleAfterMins must be a whole number"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": 10**9}, "staleAfterMins must be a whole number"),
        ({"jobType": "orders", "syncMode": "update", "staleAfterMins": None}, "staleAfterMins is required"),
        ({"jobType": "orders", "syncMode": "populate", "days": 0}, "days must be a whole number"),
        ({"jobType": "orders", "syncMode": "populate", "days": 10**9}, "days must be a whole number"),
        ({"jobType": "orders", "syncMode": "populate", "days": "7"}, "days must be a whole number"),
        ({"jobType": "orders", "staleAfterMins": 5}, "is allowed only with syncMode update"),
        ({"jobType": "orders", "syncMode": "populate", "fullScan": "yes"}, "fullScan must be true or false"),
        (
            {"jobType": "orders", "syncMode": "update", "staleAfterMins": 5, "fullScan": True},
            "fullScan is allowed only with",
        ),
    ],
)
def test_a_start_with_wrong_options_is_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongRequest) as caught:
        read_shopify_start(json.dumps(body).encode())
    assert (caught.value.code, words in caught.value.message) == ("VALIDATION_ERROR", True), caught.value.message


@pytest.mark.parametrize("days", [1, 36_500])
@pytest.mark.parametrize("mode", [{}, {"syncMode": "populate"}, {"syncMode": None, "fullScan": None}])
def test_the_smallest_and_largest_days_are_accepted(mode: dict[str, Any], days: int) -> None:
    asked = read_shopify_start(json.dumps({"jobType": "orders", "days": days, **mode}).encode())
    assert (asked.days, asked.full_scan) == (days, False)


@pytest.mark.parametrize(
    "cron",
    [
        *(
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "0 0 30 2 *",
            "0 0 * * 9",
            "5-1 * * *",
            "*/0 * * * *",
        ),
        *(
            "@daily",
            "R R * * *",
            "H 3 * * *",
            "0 0 0 * *",
            "a b c d e",
            "0 0 * * L9",
            "1" * 61 + " * * * *",
            "٣ * * * *",
        ),
    ],
)
def test_an_invalid_cron_expression_is_refused(cron: str) -> None:
    with pytest.raises(WrongSchedule):
        check_timing(Timing(cron, None))


@pytest.mark.parametrize(
    "cron", ["*/5 * * * *", "0 3 * * MON-fri", "15,45 0-6/2 1 jan,Jul *", "0 0 L * *", " 0  3 * * 0 "]
)
def test_a_valid_cron_expression_is_accepted(cron: str) -> None:
    assert check_timing(Timing(cron, None)).cron == " ".join(cron.split())


@pytest.mark.parametrize(
    "body",
    [
        *({"everySeconds": value} for value in (0, -60, 31_622_401, 60.5, True, "60")),
        {"everySeconds": 60, "mode": "full"},
        {"everySeconds": 60, "syncMode": "update", "staleAfterMins": 0},
    ],
)
def test_a_schedule_with_wrong_options_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WrongRequest):
        read_schedule(json.dumps(body).encode())


@pytest.mark.parametrize("every", [1, 29, None])
def test_a_missing_or_too_short_interval_is_refused(every: int | None) -> None:
    with pytest.raises(WrongSchedule):
        check_timing(Timing(None, every))
