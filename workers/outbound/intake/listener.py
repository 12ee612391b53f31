"""Listens for the ERP's events: on pub/sub, as specification 3 has it, and on a stream, which does not forget.

A stream entry has the fields `event` (a channel's name) and `data` (JSON). It is acknowledged once its item is committed, so
one that meets a dead listener or a database that is away is read again. Any number of listeners may run.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError, ResponseError

from app.settings.environment import Settings
from app.settings.logs import get_logger
from app.settings.version import VERSION
from db.core.errors import is_retryable, safe_facts
from db.core.pool import Pool, open_pool
from workers.core.heartbeat import beat
from workers.core.presence import Presence
from workers.core.queues import WakeUp, connect
from workers.outbound.intake.event_sources import Message, Source, check_event, sources_of, unwrap
from workers.outbound.intake.events import Event, take_events

GROUP = "sluice"
REFUSED = "sluice:events:refused"  # a hash of counts by reason; it may be emptied
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
Found = tuple[Source, list[Entry]]


@dataclass(slots=True)
class Listener:
    """One listener: what it needs, and what it has read but not committed yet from pub/sub."""

    pool: Pool
    redis: Redis
    wake_up: WakeUp
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    uncommitted: list[Event] = field(default_factory=list)
    sources: Sequence[Source] = field(default_factory=partial(sources_of, ()))
    event_key: str | None = field(default=None, repr=False)
    pubsub: PubSub | None = None
    claimed_at: float = float("-inf")

    def tick(self) -> int:
        """Take what is there, waiting a moment for it; returns how many events came.

        Raises RedisError, psycopg.Error and PoolTimeout.
        """
        if self.pubsub is None:
            self.pubsub = self._subscribe()
        return self._take_from_channels(self.pubsub) + self._take_from_stream()

    def disconnect(self) -> None:
        if self.pubsub is not None:
            self.pubsub.close()
        self.pubsub = None

    def _subscribe(self) -> PubSub:
        for source in self.sources:
            try:
                self.redis.xgroup_create(source.stream, GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
        pubsub: PubSub = self.redis.pubsub()  # type: ignore[no-untyped-call]  # redis has no type
        pubsub.subscribe(*self._channels())
        return pubsub

    def _channels(self) -> dict[str, tuple[Source, str]]:
        return {
            channel: (source, channel.removeprefix(source.channel_prefix))
            for source in self.sources
            for channel in source.channels
        }

    def _take_from_channels(self, pubsub: PubSub) -> int:
        # Pub/sub does not repeat messages, so they are kept until they are committed.
        refused: Counter[str] = Counter()
        before, channels = len(self.uncommitted), self._channels()
        while len(self.uncommitted) < AT_ONCE and (message := pubsub.get_message(timeout=0)) is not None:
            if message["type"] == "message":  # and no confirmation of a subscription
                source, name = channels[_text(message["channel"])]
                event = unwrap(name, message["data"], time.time(), is_signed=self.event_key is not None)
                self._sort(source, event, self.uncommitted, refused)
        came = len(self.uncommitted) - before + refused.total()
        self._count(refused)
        if self.uncommitted:
            self._count(_refusals(take_events(self.pool, self.wake_up, self.uncommitted, "pubsub")))
            self.uncommitted.clear()
        return came

    def _take_from_stream(self) -> int:
        found = [*self._abandoned_entries(), *self._new_entries()]
        if not found:
            return 0
        events: list[Event] = []
        refused: Counter[str] = Counter()
        for source, entries in found:
            for entry_id, fields in entries:
                name = _text(fields.get(b"event", b""))
                if not name.startswith(OWN_PREFIX):
                    self._sort(source, _message(name, entry_id, fields), events, refused)
        self._count(refused + _refusals(take_events(self.pool, self.wake_up, events, "stream")))
        for source, entries in found:
            self.redis.xack(source.stream, GROUP, *(entry_id for entry_id, _ in entries))
        return sum(len(entries) for _, entries in found)

    def _new_entries(self) -> list[Found]:
        by_stream = {source.stream: source for source in self.sources}
        asked: Any = dict.fromkeys(by_stream, ">")
        found: Any = self.redis.xreadgroup(GROUP, self.name, asked, count=AT_ONCE, block=BLOCK_MILLISECONDS)
        return [
            (by_stream[_text(stream)], [(entry_id, fields or {}) for entry_id, fields in entries])
            for stream, entries in found or []
        ]

    def _abandoned_entries(self) -> list[Found]:
        # Entries that a listener read and never acknowledged; also a moment to trim.
        if time.monotonic() < self.claimed_at + CLAIM_EVERY_SECONDS:
            return []
        self.claimed_at = time.monotonic()
        left: list[Found] = []
        for source in self.sources:
            self._trim(source.stream)
            found: Any = self.redis.xautoclaim(source.stream, GROUP, self.name, CLAIM_IDLE_MILLISECONDS, count=AT_ONCE)
            if entries := [(entry_id, fields) for entry_id, fields in found[1] if fields]:
                left.append((source, entries))
        return left

    def _trim(self, stream: str) -> None:
        # Others may read the stream, too: keep a week, and whatever is not acknowledged.
        week_ago = (int((time.time() - KEPT_DAYS * 86_400) * 1000), 0)
        groups: Any = self.redis.xinfo_groups(stream)
        [ours] = [group for group in groups if group["name"] == GROUP.encode()]
        pending: Any = self.redis.xpending(stream, GROUP)
        first, count = min(week_ago, _entry_position(pending["min"] or ours["last-delivered-id"]))
        self.redis.xtrim(stream, minid=f"{first}-{count}", approximate=True)

    def _sort(self, source: Source, message: Message, events: list[Event], refused: Counter[str]) -> None:
        event = check_event(source, message, self.event_key)
        if isinstance(event, Event):
            events.append(event)
        else:
            refused[event] += 1

    def _count(self, refused: Counter[str]) -> None:
        if not refused:
            return
        log.warning("events_refused", **refused)
        with self.redis.pipeline(transaction=False) as pipe:
            for reason, count in refused.items():
                pipe.hincrby(REFUSED, reason, count)
            pipe.execute()


def _message(name: str, entry_id: bytes, fields: dict[bytes, bytes]) -> Message:
    timestamp, signature = (_text(fields.get(part, b"")) for part in (b"timestamp", b"signature"))
    return Message(name, fields.get(b"data", b""), timestamp, signature, _entry_position(entry_id)[0] / 1000)


def _refusals(counts: Counter[str]) -> Counter[str]:
    return Counter({reason: count for reason, count in counts.items() if reason != "accepted"})


def _entry_position(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def refused_counts(redis: Redis) -> dict[str, int]:
    """How many events were refused, by reason, since Redis was last emptied. Raises RedisError."""
    counts: Iterable[tuple[Any, Any]] = redis.hgetall(REFUSED).items()
    return {_text(reason): int(count) for reason, count in counts}


def run_listener(settings: Settings, database_url: str, redis_url: str, stop: threading.Event) -> None:
    """Listen until `stop` is set. While a server is away nothing is lost but what pub/sub forgets by its nature."""
    pool = open_pool(database_url, 2, "listener", 10.0, settings.prepare_threshold)
    redis = connect(redis_url, REDIS_TIMEOUT_SECONDS)
    sources = sources_of(settings.erp_users)
    listener = Listener(pool, redis, WakeUp(connect(redis_url)), sources=sources, event_key=settings.erp_event_key)
    log.info("listener_started")
    try:
        with Presence(connect(redis_url), "listener", VERSION, settings.process_name):
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
        listener.claimed_at = time.monotonic() - CLAIM_EVERY_SECONDS + REST_SECONDS
        stop.wait(REST_SECONDS)
