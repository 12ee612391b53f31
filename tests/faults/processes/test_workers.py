"""Workers killed, told to stop, and frozen in the middle of a batch."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.harm import frozen, is_whole, pause
from tests.faults.oracle import (
    assert_applied_once,
    find_worker_of,
    held,
    make_orders,
    stored,
    wait_in_the_middle,
    worker_of,
)
from tests.support.data_dirs import is_running
from tests.support.stack import Shop, Stack, send
from tests.support.waiting import wait_until
from workers.core.presence import read_processes

IMPATIENT_SECONDS = 1.5  # RQ takes a second signal within one second for the first


@pytest.fixture(autouse=True)
def known_workers(stack: Stack, shop: Shop) -> None:
    """After Redis was emptied it does not know the process ids of old workers, only of new ones."""
    for pid in set(stack.pids("worker")) - known(stack):
        send(pid, signal.SIGTERM)
    wait_until(lambda: set(stack.pids("worker")) <= known(stack) and is_whole(stack), 30.0, "workers that are known")


def known(stack: Stack) -> set[int]:
    pids = (stack.redis.hget(key, "pid") for key in stack.redis.scan_iter("rq:worker:*"))
    return {int(pid) for pid in pids if pid}


def test_a_worker_killed_in_mid_batch_leaves_no_rows(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 5000)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        assert shop.job(job)["phase"] == "processing"
        os.kill(worker_of(stack, job), signal.SIGKILL)
        assert stored(shop) == {}
    ended = shop.wait_ended([job])
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == 2


@pytest.mark.slow
def test_killing_all_workers_loses_nothing(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 50) for first in range(1, 501, 50)]
    with held(shop):
        jobs = [shop.accept("orders", batch) for batch in batches]
        wait_in_the_middle(stack, workers=2)
        killed = stack.kill("worker", signal.SIGKILL)
    assert len(killed) == 2
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def test_a_stopped_worker_finishes_its_batch(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 500)
    before = len(exits_of_workers(stack))
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        os.kill(worker_of(stack, job), signal.SIGTERM)
    ended = shop.wait_ended([job])
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == 1
    assert wait_until(lambda: exits_of_workers(stack)[before:], 10.0, "the end of the worker") == [0]


def exits_of_workers(stack: Stack) -> list[object]:
    return [line["code"] for line in stack.up.logged("process_exited") if str(line["process"]).startswith("worker")]


@pytest.mark.slow
def test_a_worker_stopped_twice_gives_up_its_batch(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 500)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        pid = worker_of(stack, job)
        os.kill(pid, signal.SIGTERM)
        pause(IMPATIENT_SECONDS)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_running(pid), 8.0, "an end with the batch in hand")
    assert_applied_once(shop, [batch], shop.wait_ended([job]))


@pytest.mark.slow
def test_a_frozen_workers_late_run_changes_nothing(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 500)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        pid = worker_of(stack, job)
        os.kill(pid, signal.SIGSTOP)
    assert_applied_once(shop, [batch], shop.wait_ended([job]))
    completed = shop.job(job)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: find_worker_of(stack, job) is None, 20.0, "the thawed worker to let go")
    assert shop.job(job) == completed
    second = make_orders(1001, 10)
    assert_applied_once(shop, [batch, second], [completed, *shop.wait_ended([shop.accept("orders", second)])])


@pytest.mark.slow
def test_a_briefly_frozen_worker_finishes_its_batch(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 500)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        with frozen(worker_of(stack, job)):
            pause(7.0)
    ended = shop.wait_ended([job])
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == 1


def test_a_frozen_worker_is_named_within_ten_seconds(stack: Stack, shop: Shop) -> None:
    def workers() -> str:
        return str(shop.call("GET", "/readyz").json()["checks"]["workers"])

    def silent() -> set[str]:
        return {one.entry.name for one in read_processes(stack.redis) if not one.is_alive}

    wait_until(lambda: workers() == "ok", 15.0, "all workers")
    with stack.frozen("puller"):
        wait_until(lambda: workers() == "silent", 10.0, "a silent worker")
        assert silent() == {"puller-1"}
    wait_until(lambda: workers() == "ok", 10.0, "all workers again")
    with stack.frozen("worker"):
        wait_until(lambda: workers() == "missing", 10.0, "no worker of batches")
        assert 'sluice_workers_alive{queue="ingest"} 0.0' in shop.call("GET", "/metrics").text
        ready = shop.call("GET", "/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")  # batches are accepted all the same
    wait_until(lambda: workers() == "ok", 10.0, "all workers again")
