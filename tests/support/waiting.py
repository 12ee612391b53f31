"""Waiting with a deadline, in place of sleeps that hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def wait_until(
    condition: Callable[[], T], deadline: float = 10.0, what: str = "", poll_seconds: float = POLL_SECONDS
) -> T:
    """The first true value of `condition`. Fails after `deadline` seconds, saying what was waited for."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s for {what or 'a condition'}; last value: {value!r}")
        time.sleep(poll_seconds)
