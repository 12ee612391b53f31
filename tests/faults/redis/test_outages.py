"""Redis emptied, killed, frozen, down: no batch is lost or applied twice, and no answer waits for Redis."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
from redis import Redis

from tests.faults.harm import QUEUE, away, pause
from tests.faults.oracle import assert_applied_once, held, make_orders, wait_in_the_middle
from tests.support.stack import Shop, Stack

FREEZE_SECONDS = 20.0
AWAY_SECONDS = 60.0
ACCEPT_SECONDS = 2.0


def make_batches(count: int) -> list[list[dict[str, Any]]]:
    return [make_orders(first, 20) for first in range(1, 20 * count + 1, 20)]


def flush(redis: Redis) -> None:
    redis.flushall()


def delete_jobs(redis: Redis) -> None:
    """The queue keeps the ids of jobs that are deleted."""
    redis.delete(*redis.scan_iter("rq:job:*"))


def delete_queue(redis: Redis) -> None:
    redis.delete(QUEUE)


@pytest.mark.parametrize("harm", [flush, delete_jobs, pytest.param(delete_queue, marks=pytest.mark.slow)])
def test_batches_complete_after_redis_is_emptied(stack: Stack, shop: Shop, harm: Any) -> None:
    batches = make_batches(20)
    with stack.frozen("worker"):
        jobs = [shop.accept("orders", batch) for batch in batches]
        assert stack.redis.llen(QUEUE) > 0
        harm(stack.redis)
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def kill(stack: Stack) -> None:
    stack.kill("redis", signal.SIGKILL)


def shut_down(stack: Stack) -> None:
    stack.redis.shutdown(nosave=True)


@pytest.mark.parametrize("end", [kill, pytest.param(shut_down, marks=pytest.mark.slow)])
def test_batches_complete_after_redis_loses_its_memory(stack: Stack, shop: Shop, end: Any) -> None:
    batches = make_batches(20)
    (ended,) = stack.pids("redis")
    with stack.frozen("worker"):
        jobs = [shop.accept("orders", batch) for batch in batches[:10]]
        end(stack)
        jobs += [shop.accept("orders", batch) for batch in batches[10:]]
    assert_applied_once(shop, batches, shop.wait_ended(jobs))
    assert ended not in stack.pids("redis")


@pytest.mark.slow
def test_a_batch_committed_as_redis_dies_is_not_repeated(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 200)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        stack.kill("redis", signal.SIGKILL)
    ended = shop.wait_ended([job])
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == 1
    second = make_orders(1001, 10)
    assert_applied_once(shop, [batch, second], [shop.job(job), *shop.wait_ended([shop.accept("orders", second)])])
    assert shop.job(job) == ended[0]


def test_without_redis_batches_are_accepted(stack: Stack, shop: Shop) -> None:
    batches = make_batches(5)
    with away(stack, "redis", signal.SIGKILL):
        jobs = [shop.accept("orders", batch) for batch in batches]
        ready = shop.call("GET", "/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert {shop.job(job)["status"] for job in jobs} == {"running"}
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_a_minute_without_redis_delays_no_answer(stack: Stack, shop: Shop) -> None:
    with away(stack, "redis", signal.SIGKILL):
        batches, jobs = accept_at_leisure(shop, AWAY_SECONDS)
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_a_frozen_redis_delays_no_answer(stack: Stack, shop: Shop) -> None:
    with stack.frozen("redis"):
        batches, jobs = accept_at_leisure(shop, FREEZE_SECONDS)
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def accept_at_leisure(shop: Shop, seconds: float) -> tuple[list[list[dict[str, Any]]], list[str]]:
    """Post a batch about every second; each must be accepted in time."""
    batches, jobs = make_batches(int(seconds)), []
    for batch in batches:
        began = time.monotonic()
        jobs.append(shop.accept("orders", batch))
        taken = time.monotonic() - began
        assert taken < ACCEPT_SECONDS
        pause(max(0.0, 1.0 - taken))
    return batches, jobs
