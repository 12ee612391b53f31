"""Two dispatchers, a frozen one, and a long queue: no batch is enqueued more often than needed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from tests.faults.harm import QUEUE, pause, set_clock
from tests.faults.oracle import assert_applied_once, make_orders
from tests.support.paths import ROOT
from tests.support.stack import Shop, Stack, command, run, running_stack
from tests.support.waiting import wait_until

ENQUEUES = "SELECT enqueues FROM sync_logs WHERE store_id = ANY (%s)"
LONG_QUEUE = 5000


def enqueues_of(shops: list[Shop]) -> list[int]:
    """How often each log of the stores was enqueued."""
    return [count for (count,) in shops[0].stack.sql(ENQUEUES, [shop.id for shop in shops])]


@pytest.mark.slow
def test_two_dispatchers_enqueue_each_batch_once(stack: Stack, shop: Shop) -> None:
    shops = [shop, *(stack.create_store(f"Shop {number}") for number in range(3))]
    posted = {each.id: [make_orders(first, 10) for first in range(1, 101, 10)] for each in shops}
    with second_dispatcher(stack), stack.frozen("worker"):
        jobs = {each.id: [each.accept("orders", batch) for batch in posted[each.id]] for each in shops}
        stack.redis.flushall()
        wait_until(lambda: stack.redis.llen(QUEUE) >= 30, 10.0, "what was emptied to be handed out again")
    for each in shops:
        ended = each.wait_ended(jobs[each.id])
        assert_applied_once(each, posted[each.id], ended)
        assert {job["attempts"] for job in ended} == {1}
    enqueues = enqueues_of(shops)
    assert max(enqueues) <= 3
    assert sum(enqueues) <= 2 * len(enqueues) + len(stack.pids("worker"))


@contextmanager
def second_dispatcher(stack: Stack) -> Iterator[None]:
    log = stack.root.with_name("dispatcher")
    with log.open("wb") as file:
        process = subprocess.Popen(command("dispatcher"), cwd=ROOT, env=stack.up.env, stdout=file, stderr=file)
    try:
        wait_until(lambda: "dispatcher_started" in log.read_text(), 20.0, "the second dispatcher")
        yield
    finally:
        process.terminate()
        assert process.wait(20.0) == 0
    assert "Traceback" not in log.read_text()


def test_a_frozen_dispatcher_is_noticed_and_catches_up(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 10) for first in range(1, 201, 10)]
    heartbeat = stack.root / "run" / "dispatcher.beat"
    wait_until(heartbeat.exists, 30.0, "the dispatcher's first tick")  # the stack serves before that
    with stack.frozen("dispatcher"), stack.frozen("worker"):
        jobs = [shop.accept("orders", batch) for batch in batches]
        stack.redis.flushall()
        with stack.superuser() as conn:
            set_clock(conn, hours=1)
        long_ago = time.time() - 300.0
        os.utime(heartbeat, (long_ago, long_ago))
        told = run(stack.up.env, "health", "dispatcher")
        assert (told.returncode, told.stderr) == (1, "no sign of life from the dispatcher within 60 s\n")
    assert_applied_once(shop, batches, shop.wait_ended(jobs))
    assert max(enqueues_of([shop])) <= 3
    assert run(stack.up.env, "health", "dispatcher").returncode == 0


@pytest.mark.slow
def test_a_long_queue_is_not_enqueued_again() -> None:
    """The batches wait in Redis for longer than the dispatcher waits for an unstarted batch."""
    with running_stack(WORKERS="2", QUEUE_WINDOW="1000") as stack:
        shops = [stack.create_store(f"Shop {number}") for number in range(5)]
        batches = [make_orders(first, 2) for first in range(1, 2 * LONG_QUEUE // 5, 2)]
        with stack.frozen("worker"), ThreadPoolExecutor(4) as clients:
            jobs = {shop.id: list(clients.map(partial(shop.accept, "orders"), batches)) for shop in shops}
            assert stack.redis.llen(QUEUE) >= LONG_QUEUE - 2
            pause(20.0)
            taken = len(stack.pids("worker"))  # by the frozen workers; these were handed out again
            assert sum(enqueues_of(shops)) <= LONG_QUEUE + taken
        for shop in shops:
            assert_applied_once(shop, batches, shop.wait_ended(jobs[shop.id], 300.0))
        assert sum(enqueues_of(shops)) <= LONG_QUEUE + 2 * taken
