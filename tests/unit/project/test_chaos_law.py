"""The chaos run's check of watermarks finds missing and old records, and no others."""

from __future__ import annotations

import pytest

from tests.chaos.law import Change, History, breaches

HISTORY = History([Change(1, 100, 100.4), Change(2, 105, 105.2), Change(1, 110, 110.9), Change(3, 90, 120.0)])


@pytest.mark.parametrize(
    ("watermark", "stored", "count"),
    [
        (105.0, {}, 0),
        (106.0, {}, 1),
        (106.0, {2: 105.0}, 0),  # the other was changed again, and is due with that change
        (111.0, {1: 110.0, 2: 105.0}, 0),
        (111.0, {1: 100.0, 2: 105.0}, 1),
        (111.0, {1: 115.0, 2: 99.0}, 1),
        (121.0, {1: 110.0, 2: 105.0}, 1),  # the late one is due from when it was shown
    ],
)
def test_a_watermark_ahead_of_shown_changes_is_found(watermark: float, stored: dict[int, float], count: int) -> None:
    assert len(breaches(HISTORY, watermark, stored)) == count
