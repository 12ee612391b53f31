"""Jobs that were taken from Redis and not started: by a frozen, killed, stopped, unknown or disconnected worker."""

from __future__ import annotations

import signal

import pytest

from tests.faults.harm import QUEUE, frozen, redis_through
from tests.faults.oracle import assert_applied_once, make_orders
from tests.faults.proxy import Act, Trap
from tests.support.data_dirs import is_running
from tests.support.stack import RECOVERY_SECONDS, Shop, Stack, send
from tests.support.waiting import wait_until

SILENCE_SECONDS = 25.0  # after which an idle worker takes a connection for dead
WAITING = 4  # two workers for batches, one for pulls, one for shops: each waits in a command of its own
TAKES_A_BATCH = (b"BLMOVE", QUEUE.encode())


def test_a_job_taken_by_a_frozen_idle_worker_moves_on(stack: Stack, shop: Shop) -> None:
    """The frozen worker has asked Redis for a job already, so it gets the next one."""
    batches = [make_orders(first, 10) for first in range(1, 61, 10)]
    with frozen(stack.pids("worker")[0]):
        ended = shop.wait_ended([shop.accept("orders", batch) for batch in batches])
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=["killed", "told to stop"]
)
@pytest.mark.slow
def test_a_job_taken_but_never_started_moves_on(stack: Stack, shop: Shop, number: signal.Signals) -> None:
    """Both workers have taken a batch when they thaw, and are killed at once."""
    batches = [make_orders(first, 10) for first in (1, 11)]
    with stack.frozen("worker") as workers:
        jobs = [shop.accept("orders", batch) for batch in batches]
        wait_until(lambda: stack.redis.llen(QUEUE) == 0, 5.0, "both batches to be taken")
        for pid in workers:
            send(pid, number)
    wait_until(lambda: not any(is_running(pid) for pid in workers), 10.0, "the end of both workers")
    ended = shop.wait_ended(jobs)
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}


@pytest.mark.slow
def test_a_job_taken_by_a_stranger_is_enqueued_again(stack: Stack, shop: Shop) -> None:
    """A worker of two queues takes a job and dies, and Redis keeps no trace of it."""
    batches = [make_orders(first, 10) for first in range(1, 61, 10)]
    with stack.frozen("worker"):
        jobs = [shop.accept("orders", batch) for batch in batches]
        taken = [stack.redis.blpop([QUEUE], timeout=5) for _ in range(4)]
    assert None not in taken
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_a_job_lost_on_delivery_is_enqueued_again(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 10)
    with redis_through(stack, Trap(TAKES_A_BATCH, Act.CUT_REPLY)) as trap:
        wait_until(lambda: clients_in(stack, "blmove") == WAITING, 10.0, "all workers to wait for a job")
        ended = shop.wait_ended([shop.accept("orders", batch)])
        assert trap.sprung.is_set()
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == 1


def clients_in(stack: Stack, command: str) -> int:
    return sum(client["cmd"] == command for client in stack.redis.client_list())


@pytest.mark.slow
def test_silent_redis_connections_are_dropped(stack: Stack, shop: Shop) -> None:
    """Redis keeps sending jobs to connections that no worker reads."""
    batches = [make_orders(first, 10) for first in range(1, 61, 10)]
    with redis_through(stack, Trap(TAKES_A_BATCH, Act.MUTE_REPLY, left=2)) as trap:
        wait_until(lambda: clients_in(stack, "blmove") == WAITING, 10.0, "all workers to wait for a job")
        jobs = [shop.accept("orders", batch) for batch in batches]
        ended = shop.wait_ended(jobs, SILENCE_SECONDS + RECOVERY_SECONDS)
        assert trap.left < 0, "no worker has tried another connection"
    assert_applied_once(shop, batches, ended)
