"""How often Python looks for garbage: seldom, in processes whose work is batches of plain values."""

from __future__ import annotations

import gc

VALUES_BETWEEN = 20_000  # Python's own 700 are reached many times within a batch


def collect_less_often() -> None:
    """Called once, after start-up: what start-up made stays, and is never looked through again.

    A batch makes thousands of values without a cycle among them; they go when the last name for them does. Looking through them
    all the same took a twentieth of a request's time, and of a worker's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(VALUES_BETWEEN)
