"""Which processes work, and on what: each tells Redis every few seconds, so that one that is dead or frozen is seen.

A process has an entry, which says who it is, and a mark that expires: one without its mark has been silent for ALIVE_SECONDS.
No clocks of hosts are compared. Nothing but what people are shown depends on this; without Redis nobody is known.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Annotated, Self

from msgspec import DecodeError, Meta, Struct, ValidationError, json, structs
from redis import Redis
from redis.exceptions import RedisError

from workers.core.queues import INGEST

ENTRIES = "sluice:processes"
BEAT_SECONDS = 2.0
ALIVE_SECONDS = 8  # a process that stops now is seen as silent within 10 s
FORGET_SECONDS = 900.0  # a silent process that nobody replaced is shown for so long
MOST_READ = 1000

Short = Annotated[str, Meta(max_length=200)]


class Entry(Struct, frozen=True):
    """What a process tells of itself. Times are unix seconds of its host's clock."""

    name: Short
    kind: Short  # worker, dispatcher or listener
    queue: Short | None
    host: Short
    pid: int
    version: Short
    started: float
    seen: float
    doing: Short | None = None
    doing_since: float | None = None


class Process(Struct, frozen=True):
    """An entry, and whether its process gave a sign of life within ALIVE_SECONDS."""

    entry: Entry
    is_alive: bool


class Presence:
    """Tells that this process is alive while the block runs. A clean end takes the entry back."""

    def __init__(
        self, redis: Redis, kind: str, version: str, name: str | None = None, queue: str | None = None
    ) -> None:
        """`name` is kept by a process that replaces this one; without it the process id makes one."""
        host, now = socket.gethostname()[:100], time.time()
        named = name or "-".join(filter(None, (kind, queue, str(os.getpid()))))
        self._redis = redis
        self._entry = Entry(named[:100], kind, queue, host, os.getpid(), version, now, now)
        self._stop = threading.Event()
        self._telling = threading.Lock()  # an older state must not arrive after a newer one
        self._thread = threading.Thread(target=self._tell_until_stopped, name="presence", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(BEAT_SECONDS)
        try:
            self._redis.hdel(ENTRIES, self._id)
            self._redis.delete(_mark(self._id))
        except RedisError:
            return  # the entry is forgotten by itself

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Say what it works on. Never data: other operators read it."""
        self._entry = structs.replace(self._entry, doing=what[:100], doing_since=time.time())
        try:
            yield
        finally:
            self._entry = structs.replace(self._entry, doing=None, doing_since=None)

    @property
    def _id(self) -> str:
        return f"{self._entry.host}/{self._entry.name}"

    def _tell_until_stopped(self) -> None:
        while not self._stop.is_set():
            self.tell()
            self._stop.wait(BEAT_SECONDS)

    def tell(self) -> None:
        """One sign of life. While Redis is away nothing is told: readers then know of no process at all."""
        try:
            with self._telling, self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(ENTRIES, self._id, json.encode(structs.replace(self._entry, seen=time.time())))
                pipe.set(_mark(self._id), 1, ex=ALIVE_SECONDS)
                pipe.execute()
        except RedisError:
            return


def read_processes(redis: Redis) -> list[Process]:
    """All processes of the installation, by kind and name. Forgets those that are silent for long. Raises RedisError."""
    found: dict[bytes | str, Entry] = {}
    for key, raw in list(redis.hgetall(ENTRIES).items())[:MOST_READ]:
        try:
            found[key] = json.decode(raw, type=Entry)
        except (DecodeError, ValidationError):  # an older version's, or not ours
            redis.hdel(ENTRIES, key)
    marks = redis.mget([_mark(f"{entry.host}/{entry.name}") for entry in found.values()]) if found else []
    processes = []
    for (key, entry), mark in zip(found.items(), marks, strict=True):
        if mark is None and abs(time.time() - entry.seen) > FORGET_SECONDS:
            redis.hdel(ENTRIES, key)
        else:
            processes.append(Process(entry, mark is not None))
    return sorted(processes, key=lambda one: (one.entry.kind, one.entry.queue or "", one.entry.host, one.entry.name))


def workers_alive(processes: Sequence[Process], queues: Sequence[str]) -> dict[str, int]:
    """How many workers of each queue are alive."""
    alive = [one.entry.queue for one in processes if one.entry.kind == "worker" and one.is_alive]
    return {queue: alive.count(queue) for queue in queues}


def state_of_workers(processes: Sequence[Process]) -> str:
    """`ok`, `silent` if some worker is, `missing` if none that takes batches is alive."""
    if not workers_alive(processes, (INGEST,))[INGEST]:
        return "missing"
    return "ok" if all(one.is_alive for one in processes if one.entry.kind == "worker") else "silent"


def _mark(process_id: str) -> str:
    return f"sluice:alive:{process_id}"
