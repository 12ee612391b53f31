"""The records of a fake shop, built from their number on demand, so that hundreds of thousands take no memory."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]
Moment = tuple[int, int]  # unix second, id


class Table:
    """One entity. `make(id, created, updated)` builds a record; an edited one is kept whole.

    Record n, from 0, has the id `first_id + n` and was created and updated at `begin + n * step`. Three sorted indexes: ids,
    times of creation, times of update. Who reads an index holds `lock`: an edit takes a record out of one and puts it in anew.
    """

    def __init__(
        self, make: Callable[[int, int, int], Row], count: int, *, first_id: int, begin: int, step: float = 60
    ) -> None:
        self._make = make
        self.lock = threading.RLock()
        self._own: dict[int, Row] = {}
        times = [begin + int(number * step) for number in range(count)]
        self.ids = list(range(first_id, first_id + count))
        self.created: list[Moment] = list(zip(times, self.ids, strict=True))
        self.updated: list[Moment] = list(self.created)
        self._times: dict[int, tuple[int, int]] = {}
        self._begin, self._step, self._first, self._count = begin, step, first_id, count

    def __len__(self) -> int:
        return len(self.ids)

    def times(self, key: int) -> tuple[int, int]:
        changed = self._times.get(key)
        if changed is not None:
            return changed
        if not 0 <= key - self._first < self._count:
            raise KeyError(key)
        moment = self._begin + int((key - self._first) * self._step)
        return moment, moment

    def get(self, key: int) -> Row:
        """The current record; not a copy."""
        with self.lock:
            return self._own.get(key) or self._make(key, *self.times(key))

    def all(self) -> Iterator[Row]:
        return (self.get(key) for key in list(self.ids))

    def add(self, at: int, key: int | None = None, **fields: Any) -> int:
        """Add a record, created and updated at that second. Its id is the highest by default."""
        with self.lock:
            key = key if key is not None else (self.ids[-1] + 1 if self.ids else self._first)
            bisect.insort(self.ids, key)
            bisect.insort(self.created, (at, key))
            bisect.insort(self.updated, (at, key))
            self._times[key] = (at, at)
            if fields:
                self._own[key] = {**self._make(key, at, at), **fields}
            return key

    def edit(self, key: int, at: int, **fields: Any) -> None:
        """Change a record at that second; it moves in the order of updates."""
        with self.lock:
            created, updated = self.times(key)
            record = {**self.get(key), **fields}
            del self.updated[bisect.bisect_left(self.updated, (updated, key))]
            bisect.insort(self.updated, (at, key))
            self._times[key] = (created, at)
            self._own[key] = record

    def window(self, index: list[Moment], since: int | None, until: int | None) -> tuple[int, int]:
        """The slice of a time index from a second (inclusive) to a second (exclusive); None is open."""
        low = 0 if since is None else bisect.bisect_left(index, (since, 0))
        high = len(index) if until is None else bisect.bisect_left(index, (until, 0))
        return low, max(low, high)
