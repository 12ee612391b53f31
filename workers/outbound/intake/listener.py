"""Listens for the ERP's events: on pub/sub, as specification 3 describes, and on a stream, which keeps its entries.

A stream entry has the fields `event` (the name of a channel) and `data` (JSON). It is acknowledged once its item is committed,
so an entry is read again if the listener died or the database was away. Any number of listeners may run.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError, ResponseError

from app.settings.environment import Settings
from app.settings.logs import get_logger
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool, open_pool
from schemas.base.strict_json import NotJson, loads
from workers.core.heartbeat import beat
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.events import CHANNELS, Event, read_event, take_events

STREAM = "sluice:events"
GROUP = "sluice"
REFUSED = "sluice:events:refused"  # a hash of counts by reason; it may be deleted
OWN_PREFIX = "woocommerce."  # events that we publish ourselves, for others
AT_ONCE = 500
BLOCK_MILLISECONDS = 100
CLAIM_IDLE_MILLISECONDS = 30_000
CLAIM_EVERY_SECONDS = 15.0
KEPT_DAYS = 7
REST_SECONDS = 1.0
REDIS_TIMEOUT_SECONDS = 2.0

log = get_logger(__name__)
Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(slots=True)
class Listener:
    """One listener. `uncommitted` are events of pub/sub, which are not repeated: they stay here until they are committed."""

    pool: Pool
    redis: Redis
    wake_up: WakeUp
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    uncommitted: list[Event] = field(default_factory=list)
    pubsub: PubSub | None = None
    claimed_at: float = float("-inf")

    def tick(self) -> int:
        """Take the events that are there, waiting a moment for new ones; returns how many came.

        Raises RedisError, psycopg.Error and PoolTimeout.
        """
        if self.pubsub is None:
            self.pubsub = self._subscribe()
        return self._take_from_channels(self.pubsub) + self._take_from_stream()

    def disconnect(self) -> None:
        """Drop the subscription; the next tick subscribes anew, as it must after a failure of Redis."""
        if self.pubsub is not None:
            self.pubsub.close()
        self.pubsub = None

    def _subscribe(self) -> PubSub:
        try:
            self.redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        pubsub: PubSub = self.redis.pubsub()  # type: ignore[no-untyped-call]  # redis has no type
        pubsub.subscribe(*CHANNELS)
        return pubsub

    def _take_from_channels(self, pubsub: PubSub) -> int:
        refused: Counter[str] = Counter()
        before = len(self.uncommitted)
        while len(self.uncommitted) < AT_ONCE and (message := pubsub.get_message(timeout=0)) is not None:
            if message["type"] != "message":  # the confirmation of a subscription
                continue
            event = _read(_text(message["channel"]), message["data"])
            if isinstance(event, Event):
                self.uncommitted.append(event)
            else:
                refused[event] += 1
        came = len(self.uncommitted) - before + refused.total()
        self._count(refused)
        if self.uncommitted:
            self._count(_refusals(take_events(self.pool, self.wake_up, self.uncommitted, "pubsub")))
            self.uncommitted.clear()
        return came

    def _take_from_stream(self) -> int:
        abandoned = self._abandoned_entries()
        found: Any = self.redis.xreadgroup(GROUP, self.name, {STREAM: ">"}, count=AT_ONCE, block=BLOCK_MILLISECONDS)
        new: list[Entry] = [(entry_id, fields or {}) for _, some in found or [] for entry_id, fields in some]
        entries = [*abandoned, *new]
        if not entries:
            return 0
        named = [(_text(fields.get(b"event", b"")), fields.get(b"data", b"")) for _, fields in entries]
        read = [_read(name, data) for name, data in named if not name.startswith(OWN_PREFIX)]
        events = [event for event in read if isinstance(event, Event)]
        refused = Counter(reason for reason in read if isinstance(reason, str))
        self._count(refused + _refusals(take_events(self.pool, self.wake_up, events, "stream")))
        self.redis.xack(STREAM, GROUP, *(entry_id for entry_id, _ in entries))
        return len(entries)

    def _abandoned_entries(self) -> list[Entry]:
        """What a listener read and never acknowledged, looked for now and then; old entries are dropped as often."""
        if time.monotonic() < self.claimed_at + CLAIM_EVERY_SECONDS:
            return []
        self.claimed_at = time.monotonic()
        self._trim()
        found: Any = self.redis.xautoclaim(STREAM, GROUP, self.name, CLAIM_IDLE_MILLISECONDS, count=AT_ONCE)
        return [(entry_id, fields) for entry_id, fields in found[1] if fields]

    def _trim(self) -> None:
        # Others may read the stream, too, so entries stay for KEPT_DAYS; one that is not acknowledged stays longer.
        oldest_kept = (int((time.time() - KEPT_DAYS * 86_400) * 1000), 0)
        groups: Any = self.redis.xinfo_groups(STREAM)
        [ours] = [group for group in groups if group["name"] == GROUP.encode()]
        pending: Any = self.redis.xpending(STREAM, GROUP)
        milliseconds, _, number = (pending["min"] or ours["last-delivered-id"]).partition(b"-")
        first = min(oldest_kept, (int(milliseconds), int(number)))
        self.redis.xtrim(STREAM, minid=f"{first[0]}-{first[1]}", approximate=True)

    def _count(self, refused: Counter[str]) -> None:
        if not refused:
            return
        log.warning("events_refused", **refused)
        with self.redis.pipeline(transaction=False) as pipe:
            for reason, count in refused.items():
                pipe.hincrby(REFUSED, reason, count)
            pipe.execute()


def _read(name: str, data: Any) -> Event | str:
    try:
        return read_event(name, loads(data if isinstance(data, bytes) else str(data).encode()))
    except NotJson:
        return "not_json"


def _refusals(counts: Counter[str]) -> Counter[str]:
    return Counter({reason: count for reason, count in counts.items() if reason != "accepted"})


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def refused_counts(redis: Redis) -> dict[str, int]:
    """How many events were refused, by reason, since the counts were last deleted. Raises RedisError."""
    counts: Iterable[tuple[Any, Any]] = redis.hgetall(REFUSED).items()
    return {_text(reason): int(count) for reason, count in counts}


def run_listener(settings: Settings, database_url: str, redis_url: str, stop: threading.Event) -> None:
    """Listen until `stop` is set. While a server is away, only messages of pub/sub are lost."""
    pool = open_pool(database_url, 2, "listener", 10.0, settings.prepare_threshold)
    redis = connect(redis_url, REDIS_TIMEOUT_SECONDS)
    listener = Listener(pool, redis, WakeUp(connect(redis_url)))
    log.info("listener_started")
    try:
        while not stop.is_set():
            _tick_safely(listener, stop)
            beat(settings.data_dir, "listener")
    finally:
        listener.disconnect()
        pool.close()
    log.info("listener_stopped")


def _tick_safely(listener: Listener, stop: threading.Event) -> None:
    try:
        listener.tick()
    except RedisError as error:
        log.warning("redis_unavailable", error=type(error).__name__)
        listener.disconnect()
        stop.wait(REST_SECONDS)
    except Exception as error:
        if not is_retryable(error):
            raise
        log.warning("events_postponed", **safe_facts(error))
        # The entries of this tick are not acknowledged: look for them again after a rest.
        listener.claimed_at = time.monotonic() - CLAIM_EVERY_SECONDS + REST_SECONDS
        stop.wait(REST_SECONDS)
