"""UUIDs that sort by time (version 7), made many at once: random keys would spread inserts over the whole index."""

from __future__ import annotations

import os
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_RAND_A = 0xFFF
_RAND_B = (1 << 62) - 1


def new_ids(count: int) -> list[UUID]:
    """`count` new ids of RFC 9562, version 7, with one reading of the clock and of the random source."""
    milliseconds = (time.time_ns() // 1_000_000) << 80
    noise = os.urandom(10 * count)
    return [_make(milliseconds, int.from_bytes(noise[at : at + 10])) for at in range(0, 10 * count, 10)]


def new_id() -> UUID:
    return new_ids(1)[0]


def _make(milliseconds: int, noise: int) -> UUID:
    rand_a = (noise >> 62) & _RAND_A
    return UUID(int=milliseconds | _VERSION | (rand_a << 64) | _VARIANT | (noise & _RAND_B))
