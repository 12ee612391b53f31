"""One listener: what it counts, keeps and trims, and how it goes on while a server is away."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tests.conftest import Database, Servers
from tests.integration.outbound.intake.test_event_acknowledgement import failing_commits
from tests.support.waiting import wait_until
from workers.core.heartbeat import is_alive
from workers.core.queues import connect
from workers.core.runtime import Runtime
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.listener import (
    CLAIM_EVERY_SECONDS,
    REST_SECONDS,
    Listener,
    refused_counts,
    run_listener,
)

CHANNEL = "product.updated"
REQUESTS = "SELECT requests FROM wc_sync_items WHERE store_id = %s"


@pytest.fixture
def listener(runtime: Runtime, servers: Servers, redis: Redis) -> Iterator[Listener]:
    with connect(servers.redis.url, 5.0) as client:
        connected = Listener(runtime.pool, client, runtime.wake_up)
        connected.tick()
        wait_until(lambda: subscribers(redis) == 1, 10.0, "the listener to have subscribed")
        yield connected
        connected.disconnect()


def subscribers(redis: Redis) -> int:
    return int(redis.pubsub_numsub(CHANNEL)[0][1])


def event_of(store_id: UUID) -> str:
    return json.dumps({"storeId": str(store_id), "productId": str(uuid4())})


def ticks_until_quiet(listener: Listener) -> int:
    """How many events came in all. A message may take a moment from Redis to its subscriber."""
    return sum(listener.tick() for _ in range(5))


def test_tick_counts_each_event_once_taken_or_refused(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    data = event_of(store_id)
    for text in (data, "{"):
        redis.publish(CHANNEL, text)
        redis.xadd(STREAM, {"event": CHANNEL, "data": text})
    redis.xadd(STREAM, {"event": "woocommerce.order_received", "data": "{}"})
    assert ticks_until_quiet(listener) == 5
    assert refused_counts(redis) == {"not_json": 2}
    assert root_conn.execute(REQUESTS, (store_id,)).fetchall() == [(2,)]


def test_message_that_was_kept_is_not_counted_again(
    listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID
) -> None:
    redis.publish(CHANNEL, event_of(store_id))
    with failing_commits(root_conn), pytest.raises(psycopg.OperationalError):
        wait_until(lambda: listener.tick() < 0, 30.0, "the message to come")
    redis.publish(CHANNEL, "{")
    assert ticks_until_quiet(listener) == 1
    assert root_conn.execute(REQUESTS, (store_id,)).fetchall() == [(1,)]


def test_taken_message_is_forgotten(listener: Listener, redis: Redis, root_conn: Connection, store_id: UUID) -> None:
    redis.publish(CHANNEL, event_of(store_id))
    assert [ticks_until_quiet(listener) for _ in range(2)] == [1, 0]
    assert root_conn.execute(REQUESTS, (store_id,)).fetchall() == [(1,)]


def test_stream_keeps_a_week_for_other_readers(listener: Listener, redis: Redis) -> None:
    """Trimming takes whole nodes of a hundred entries."""
    redis.xgroup_create(STREAM, "another", id="$")
    now, day = int(time.time() * 1000), 86_400_000
    with redis.pipeline() as pipe:
        for age, count in ((8 * day, 300), (6 * day, 300)):
            for number in range(count):
                pipe.xadd(STREAM, {"event": "woocommerce.x"}, id=f"{now - age}-{number}")
        pipe.execute()
    wait_until(lambda: listener.tick() == 0, 30.0, "all entries to be read")
    assert redis.xlen(STREAM) == 600
    listener.claimed_at = float("-inf")
    listener.tick()
    assert 300 <= redis.xlen(STREAM) < 400


def test_abandoned_entries_are_looked_for_now_and_then(listener: Listener, redis: Redis) -> None:
    looked_at = listener.claimed_at
    listener.tick()
    assert listener.claimed_at == looked_at
    listener.claimed_at = looked_at - CLAIM_EVERY_SECONDS
    listener.tick()
    assert listener.claimed_at > looked_at


def test_stream_that_is_none_is_an_error(runtime: Runtime, servers: Servers, redis: Redis) -> None:
    redis.set(STREAM, "no stream")
    with connect(servers.redis.url, 5.0) as client, pytest.raises(ResponseError, match="WRONGTYPE"):
        Listener(runtime.pool, client, runtime.wake_up).tick()


class Stop(threading.Event):
    """Notes how long it is waited for, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


@pytest.fixture
def run(
    runtime: Runtime,
    database: Database,
    servers: Servers,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Stop]:
    """The listener's process, whose ticks are followed by `steps`; after the last one it is told to stop."""
    settings, tick = replace(runtime.settings, data_dir=tmp_path), Listener.tick

    def start(*steps: Callable[[Listener], None]) -> Stop:
        stop, left = Stop(), list(steps)

        def tick_and_step(listener: Listener) -> int:
            if len(left) == 1:
                stop.set()
            came = tick(listener)
            left.pop(0)(listener)
            return came

        monkeypatch.setattr(Listener, "tick", tick_and_step)
        run_listener(settings, database.url, servers.redis.url, stop)
        assert not left
        return stop

    return start


def nothing(_listener: Listener) -> None:
    pass


def test_stopped_listener_leaves_nothing_open(run: Callable[..., Stop], redis: Redis, tmp_path: Path) -> None:
    seen: list[Listener] = []
    stop = run(seen.append)
    assert stop.waits == []
    assert seen[0].pubsub is None and seen[0].pool.closed
    wait_until(lambda: subscribers(redis) == 0, 10.0, "its subscription to end")
    assert is_alive(tmp_path, "listener")


def test_listener_connects_again_after_redis_was_away(run: Callable[..., Stop], redis: Redis) -> None:
    subscriptions: list[object] = []

    def lose_redis(listener: Listener) -> None:
        subscriptions.append(listener.pubsub)
        raise RedisError

    stop = run(lose_redis, lambda listener: subscriptions.append(listener.pubsub))
    assert stop.waits == [REST_SECONDS]
    assert len(set(map(id, subscriptions))) == 2


def test_what_a_lost_database_left_is_soon_looked_for(run: Callable[..., Stop]) -> None:
    claimed: list[float] = []

    def lose_database(_listener: Listener) -> None:
        raise psycopg.OperationalError

    def look(listener: Listener) -> None:
        claimed.append(listener.claimed_at + CLAIM_EVERY_SECONDS - time.monotonic())

    stop = run(lose_database, look)
    assert stop.waits == [REST_SECONDS]
    assert 0 < claimed[0] <= REST_SECONDS


def test_defect_ends_the_listener(run: Callable[..., Stop]) -> None:
    def fail(_listener: Listener) -> None:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        run(fail, nothing)
