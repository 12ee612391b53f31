"""How the number of products on their way follows a shop's answers, and how many calls the gate lets through."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from tests.support.waiting import wait_until
from workers.outbound.planning.pacing import (
    LEAST_PRODUCTS,
    PRODUCTS_A_CALL,
    STEP_PRODUCTS,
    Signal,
    calls_at_once,
    next_products_at_once,
    products_a_call,
    read_signal,
)
from workers.outbound.sending.call_gate import CallGate, CallKind
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import NetworkError, RateLimitError, WooCommerceApiError

LIMITS = st.integers(1, 10)
SIGNALS = st.lists(st.sampled_from(Signal), max_size=200)


@given(SIGNALS, LIMITS, st.integers(1, 1000))
def test_the_number_stays_within_its_bounds(signals: list[Signal], limit: int, products: int) -> None:
    for signal in signals:
        products = next_products_at_once(products, signal, limit)
        assert LEAST_PRODUCTS <= products <= limit * PRODUCTS_A_CALL
        assert 1 <= calls_at_once(products) <= limit
        assert products_a_call(products) * calls_at_once(products) <= products


@given(st.integers(LEAST_PRODUCTS, 1000), LIMITS)
def test_it_grows_by_addition_and_shrinks_by_halves(products: int, limit: int) -> None:
    most = limit * PRODUCTS_A_CALL
    products = min(products, most)
    assert next_products_at_once(products, Signal.QUICK, limit) == min(products + STEP_PRODUCTS, most)
    assert next_products_at_once(products, Signal.SLOW, limit) == max(products // 2, LEAST_PRODUCTS)
    assert next_products_at_once(products, Signal.STEADY, limit) == products


@given(st.integers(LEAST_PRODUCTS, 1000), st.integers(LEAST_PRODUCTS, 1000), SIGNALS)
def test_two_numbers_come_closer_under_the_same_answers(one: int, other: int, signals: list[Signal]) -> None:
    """What makes a number fair: where it began is forgotten."""
    apart = abs(one - other)
    for signal in signals:
        one, other = next_products_at_once(one, signal, 10), next_products_at_once(other, signal, 10)
        assert abs(one - other) <= apart
        apart = abs(one - other)


def test_answers_are_read_by_time_and_error() -> None:
    own = WooCommerceApiError(errors.SHOP_REFUSED_VALUE, status=400, wc_code="x", retryable=False)
    assert [read_signal(seconds, None) for seconds in (0.1, 6.0, 9.0)] == [Signal.QUICK, Signal.STEADY, Signal.SLOW]
    for error in (
        RateLimitError(None),
        NetworkError(),
        WooCommerceApiError(errors.PLATFORM_FAILING, status=502, retryable=True),
    ):
        assert read_signal(0.1, error) is Signal.SLOW
    assert read_signal(0.1, own) is Signal.STEADY and read_signal(9.0, own) is Signal.SLOW


WRITE = CallKind.WRITE


def test_answers_of_one_round_halve_the_number_once() -> None:
    """Four calls that were on their way together and came back slow are one sign."""
    gate = CallGate(400, 4)
    began = [gate.enter(WRITE) for _ in range(4)]
    for moment in began:
        gate.leave(WRITE, moment, 9.0, None)
    assert gate.products_at_once == 200
    gate.leave(WRITE, gate.enter(WRITE), 0.1, None)
    assert gate.products_at_once == 210


def test_the_gate_lets_through_as_many_calls_as_the_shop_bears() -> None:
    gate = CallGate(200, 4)
    first, second = gate.enter(WRITE), gate.enter(WRITE)
    entered = threading.Event()

    def enter_too() -> None:
        gate.enter(WRITE)
        entered.set()

    waiting = threading.Thread(target=enter_too)
    waiting.start()
    gate.leave(WRITE, first, 9.0, None)  # one is still on its way, and now it alone may be
    assert gate.products_at_once == 100 and not entered.is_set()
    gate.leave(WRITE, second, 0.1, None)
    wait_until(entered.is_set, 10.0, "the third call to begin")
    waiting.join()
