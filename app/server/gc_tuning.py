"""Memory of processes whose work is batches of plain values: how often Python looks for garbage, and what is given back."""

from __future__ import annotations

import ctypes
import gc

M_MMAP_THRESHOLD = -3  # of malloc.h
LARGE_BLOCK_BYTES = 512 * 1024
VALUES_BETWEEN = 20_000  # Python's own 700 are reached many times within a batch


def collect_less_often() -> None:
    """Called once, after start-up: what start-up made stays, and is never looked through again.

    A batch makes thousands of values without a cycle among them; they go when the last name for them does. Looking through them
    all the same took a twentieth of a request's time, and of a worker's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(VALUES_BETWEEN)


def return_large_memory() -> None:
    """Give the memory of large bodies back to the system once they are gone.

    glibc raises its own bound after the first large block, and then each thread keeps the most that it ever had.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and need none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
