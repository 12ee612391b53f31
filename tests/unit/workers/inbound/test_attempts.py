"""Delays after failed attempts, and the meaning of each failure."""

from __future__ import annotations

from itertools import pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg_pool import PoolTimeout

from workers.inbound.attempts import INTERNAL, UNAVAILABLE, retry_delays, verdict_on


def test_attempts_wait_2_4_8_and_8_seconds() -> None:
    assert retry_delays(6, lambda: 0.5) == [2, 4, 8, 8, 8, 2]
    assert retry_delays(1, lambda: 0.5) == [2]


@given(st.integers(1, 20), st.floats(0, 1, exclude_max=True))
def test_jitter_is_at_most_a_fifth(most: int, random: float) -> None:
    plain, jittered = retry_delays(most, lambda: 0.5), retry_delays(most, lambda: random)
    assert len(plain) == len(jittered) == most
    assert all(0.8 * a <= b <= 1.2 * a for a, b in zip(plain, jittered, strict=True))


def test_delays_grow_up_to_eight_seconds() -> None:
    delays = retry_delays(20, lambda: 0.5)[:-1]
    assert all(before <= after <= 8 for before, after in pairwise(delays))


@pytest.mark.parametrize(
    "error",
    [psycopg.OperationalError(), psycopg.errors.DeadlockDetected(), psycopg.errors.SerializationFailure(),
     psycopg.errors.QueryCanceled(), psycopg.errors.LockNotAvailable(), psycopg.errors.AdminShutdown(),
     psycopg.errors.DiskFull(), psycopg.errors.ReadOnlySqlTransaction(), psycopg.InterfaceError(), PoolTimeout()],
    ids=repr,
)  # fmt: skip
def test_transient_error_is_retried(error: Exception) -> None:
    assert verdict_on(error) is UNAVAILABLE


@pytest.mark.parametrize(
    "error", [psycopg.errors.CheckViolation(), psycopg.errors.UndefinedTable(), ValueError()], ids=repr
)
def test_permanent_error_is_not_retried(error: BaseException) -> None:
    assert verdict_on(error) is INTERNAL


def test_out_of_memory_is_retried_and_named() -> None:
    verdict = verdict_on(MemoryError())
    assert (verdict.retry, verdict.code) == (True, "OUT_OF_MEMORY")


def test_verdict_has_no_text_of_the_exception() -> None:
    assert "john@example.com" not in repr(verdict_on(ValueError("john@example.com")))
