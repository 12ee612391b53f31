"""Processes tell that they are alive; a silent one is seen, a replaced or stopped one is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis

from tests.conftest import Servers
from tests.support.waiting import wait_until
from workers.core.presence import (
    ALIVE_SECONDS,
    BEAT_SECONDS,
    ENTRIES,
    FORGET_SECONDS,
    Presence,
    read_processes,
    workers_alive,
)
from workers.core.queues import QUEUES, connect


@pytest.fixture
def redis(servers: Servers) -> Iterator[Redis]:
    client = connect(servers.redis.url)
    client.delete(ENTRIES)
    yield client
    client.delete(ENTRIES)
    client.close()


def silence(redis: Redis) -> None:
    """As time does to a process that tells nothing any more."""
    for key in redis.scan_iter("sluice:alive:*"):
        redis.delete(key)


def test_a_running_process_tells_who_it_is_and_what_it_does(redis: Redis) -> None:
    with Presence(redis, "worker", "1.2.3", "worker-1", "ingest") as presence, presence.doing("orders batch 5 records"):
        presence.tell()
        (process,) = read_processes(redis)
        assert process.is_alive
        entry = process.entry
        assert (entry.name, entry.queue, entry.version) == ("worker-1", "ingest", "1.2.3")
        assert entry.doing == "orders batch 5 records"
        assert workers_alive([process], QUEUES) == {"ingest": 1, "pull": 0, "push": 0}
    assert read_processes(redis) == []


def test_a_beat_lasts_less_than_ten_seconds(redis: Redis) -> None:
    Presence(redis, "worker", "1", "worker-1", "ingest").tell()
    (mark,) = redis.scan_iter("sluice:alive:*")
    assert BEAT_SECONDS * 2 < redis.ttl(mark) <= ALIVE_SECONDS < 10 - BEAT_SECONDS + 1
    silence(redis)
    (process,) = read_processes(redis)
    assert not process.is_alive
    assert workers_alive([process], QUEUES)["ingest"] == 0


def test_a_successor_takes_its_place(redis: Redis) -> None:
    Presence(redis, "worker", "1", "worker-1", "ingest").tell()
    silence(redis)
    Presence(redis, "worker", "2", "worker-1", "ingest").tell()
    (process,) = read_processes(redis)
    assert process.is_alive and process.entry.version == "2"


def test_an_emptied_redis_knows_the_process_again(redis: Redis) -> None:
    with Presence(redis, "listener", "1"):
        wait_until(lambda: len(read_processes(redis)) == 1, 5.0, "the first beat")
        redis.delete(ENTRIES)
        wait_until(lambda: len(read_processes(redis)) == 1, 5.0, "the next beat")


def test_a_long_silent_process_is_forgotten(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - FORGET_SECONDS - 1)
    Presence(redis, "worker", "1", "old", "ingest").tell()
    silence(redis)
    monkeypatch.setattr(time, "time", lambda: now)
    assert read_processes(redis) == []
    assert redis.hlen(ENTRIES) == 0


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"name": 7}', b"\xff", b'{"name": "' + b"x" * 500 + b'"}'])
def test_an_entry_that_is_not_ours_is_dropped(redis: Redis, raw: bytes) -> None:
    redis.hset(ENTRIES, b"\xfftrash", raw)
    assert read_processes(redis) == []
    assert redis.hlen(ENTRIES) == 0
