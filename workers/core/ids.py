"""UUIDs that sort by time (version 7): random ones would spread inserts over the whole index."""

from __future__ import annotations

import os
import time
from datetime import datetime
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62
_RAND_A = 0xFFF
_RAND_B = (1 << 62) - 1


def new_ids(count: int) -> list[UUID]:
    """So many ids, in their own order."""
    milliseconds = (time.time_ns() // 1_000_000) << 80
    noise = os.urandom(10 * count)
    values = []
    for at in range(0, 10 * count, 10):
        bits = int.from_bytes(noise[at : at + 10])
        rand_a = (bits >> 62) & _RAND_A
        values.append(milliseconds | _VERSION | (rand_a << 64) | _VARIANT | (bits & _RAND_B))
    return [UUID(int=value) for value in sorted(values)]


def new_id() -> UUID:
    return new_ids(1)[0]


def first_id_of(moment: datetime) -> UUID:
    """The lowest id that can be made at this moment or later."""
    return UUID(int=(int(moment.timestamp() * 1000) << 80) | _VERSION | _VARIANT)
