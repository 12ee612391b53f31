"""Rate limits of one shop, on a clock of the test."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.platforms.common.pacing import AdaptiveRate, CallLimitBucket


class Ticking:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def told(level: int, capacity: int = 40) -> dict[str, str]:
    return {"x-shopify-shop-api-call-limit": f"{level}/{capacity}"}


def test_empty_bucket_allows_a_burst_and_then_its_leak() -> None:
    bucket = CallLimitBucket(Ticking())
    delays = [bucket.delay() for _ in range(40)]
    assert delays[:38] == [0.0] * 38
    assert delays[38:] == [0.5, 1.0]


def test_level_follows_the_platforms_header() -> None:
    clock = Ticking()
    bucket = CallLimitBucket(clock)
    bucket.observe(told(39))
    assert bucket.delay() == 1.0
    clock.now += 30
    assert bucket.delay() == 0.0


def test_bucket_of_a_larger_plan_leaks_faster() -> None:
    bucket = CallLimitBucket(Ticking())
    bucket.observe(told(400, 400))
    assert bucket.delay() == 3 / 20


def test_malformed_level_is_ignored() -> None:
    bucket = CallLimitBucket(Ticking())
    for text in ("", "x/y", "40", "5/0", "-1/40", "9999999999999/40"):
        bucket.observe({"x-shopify-shop-api-call-limit": text})
    assert bucket.delay() == 0.0


def test_throttled_bucket_is_full() -> None:
    bucket = CallLimitBucket(Ticking())
    bucket.slow_down()
    assert bucket.delay() == 1.5


@given(st.lists(st.floats(0, 3), min_size=50, max_size=200))
def test_waiting_as_told_never_overfills_the_bucket(pauses: list[float]) -> None:
    clock = Ticking()
    bucket = CallLimitBucket(clock)
    level, as_of = 0.0, clock.now
    for pause in pauses:
        clock.now += pause + bucket.delay()
        level = max(0.0, level - (clock.now - as_of) * 2) + 1
        as_of = clock.now
        assert level <= 40.001


def test_calls_of_one_second_may_be_made_at_once() -> None:
    pace = AdaptiveRate(5, Ticking())
    assert [round(pace.delay(), 3) for _ in range(7)] == [0, 0, 0, 0, 0, 0.2, 0.4]


def test_throttling_halves_the_rate_down_to_a_floor() -> None:
    pace = AdaptiveRate(8, Ticking())
    pace.slow_down()
    assert pace.per_second == 4
    for _ in range(10):
        pace.slow_down()
    assert pace.per_second == AdaptiveRate.SLOWEST_PER_SECOND


def test_answers_raise_the_rate_up_to_the_setting() -> None:
    pace = AdaptiveRate(8, Ticking())
    pace.slow_down()
    for _ in range(AdaptiveRate.GOOD_CALLS):
        pace.observe({})
    assert pace.per_second == 4.4
    for _ in range(AdaptiveRate.GOOD_CALLS * 20):
        pace.observe({})
    assert pace.per_second == 8


@given(st.lists(st.floats(0, 0.3), min_size=30, max_size=100))
def test_waiting_as_told_keeps_the_rate(pauses: list[float]) -> None:
    clock = Ticking()
    pace = AdaptiveRate(5, clock)
    made: list[float] = []
    for pause in pauses:
        clock.now += pause
        clock.now += pace.delay()
        made.append(clock.now)
    for first, later in zip(made, made[11:], strict=False):
        assert later - first >= 0.999  # 11 calls after: a burst of 5 and a second's 5, and one more
