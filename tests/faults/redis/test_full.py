"""Redis full, with an evicting policy, or unable to save: no batch is refused, and the backlog drains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError

from tests.faults.harm import QUEUE
from tests.faults.oracle import assert_applied_once
from tests.faults.redis.test_outages import make_batches
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until

WRITE = b"sluice:test"


@contextmanager
def configured(redis: Redis, **options: str) -> Iterator[None]:
    """Set options of Redis within the block, named with `_` for `-`; undone in reverse order."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    before = {name: str(redis.config_get(name)[name] or "") for name in named}
    try:
        for name, value in named.items():
            redis.config_set(name, value)
        yield
    finally:
        for name in reversed(before):
            wait_until(lambda name=name: redis.config_set(name, before[name]), 5.0, "Redis")  # type: ignore[misc]


def test_a_full_redis_refuses_no_batch(stack: Stack, shop: Shop) -> None:
    batches = make_batches(10)
    with configured(stack.redis, maxmemory="1"):
        with pytest.raises(OutOfMemoryError):
            stack.redis.set(WRITE, 1)
        jobs = [shop.accept("orders", batch) for batch in batches]
        assert shop.call("GET", "/readyz").status_code == 200
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_batches_complete_after_redis_evicts_jobs(stack: Stack, shop: Shop) -> None:
    """`up` refuses this policy at the start, so the test sets it later."""
    batches = make_batches(20)
    with stack.frozen("worker"):
        jobs = [shop.accept("orders", batch) for batch in batches]
        assert stack.redis.llen(QUEUE) > 0
        with configured(stack.redis, maxmemory_policy="allkeys-random", maxmemory="1"):
            wait_until(lambda: stack.redis.dbsize() == 0, 10.0, "Redis to have evicted everything")
            jobs += [shop.accept("orders", batch) for batch in batches[len(jobs) :]]
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_a_redis_that_cannot_save_refuses_no_batch(stack: Stack, shop: Shop) -> None:
    """After a failed save Redis refuses writes until it can save again."""
    batches = make_batches(10)
    named = stack.redis.config_get("dir", "dbfilename")
    in_the_way = Path(str(named["dir"])) / str(named["dbfilename"])
    in_the_way.mkdir()  # a file can't take the place of a folder
    try:
        with configured(stack.redis, save="3600 1"):
            stack.redis.bgsave()
            wait_until(lambda: is_refused(stack.redis), 10.0, "Redis to refuse writes")
            jobs = [shop.accept("orders", batch) for batch in batches]
            assert shop.call("GET", "/readyz").status_code == 200
    finally:
        in_the_way.rmdir()
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def is_refused(redis: Redis) -> bool:
    try:
        redis.set(WRITE, 1, ex=1)
    except ResponseError as error:
        assert "MISCONF" in str(error)
        return True
    return False
