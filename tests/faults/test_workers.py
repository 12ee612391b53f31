"""Workers killed, stopped and frozen in the middle of a batch; a batch that kills them; two dispatchers."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.data_dirs import is_running
from tests.faults.oracle import (
    assert_applied_once,
    find_worker_of,
    held,
    leftovers,
    make_orders,
    stored,
    wait_in_the_middle,
    worker_of,
)
from tests.stack import REPOSITORY, Shop, Stack, command, running_stack, send
from tests.waiting import wait_until

MOST_ATTEMPTS = 3
IMPATIENT_SECONDS = 1.5  # RQ takes a second signal within one second for the first


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(WORKERS="2", MAX_ATTEMPTS=str(MOST_ATTEMPTS)) as running:
        yield running


@pytest.fixture
def shop(stack: Stack) -> Iterator[Shop]:
    wait_until(lambda: len(stack.pids("worker")) == 2, 10.0, "two workers")
    yield stack.create_store()
    stack.thaw()


def test_a_worker_killed_in_mid_batch_leaves_nothing_and_the_batch_is_applied_once(stack: Stack, shop: Shop) -> None:
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


def test_all_workers_killed_at_once_lose_nothing(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 50) for first in range(1, 501, 50)]
    with held(shop):
        jobs = [shop.accept("orders", batch) for batch in batches]
        wait_in_the_middle(stack, workers=2)
        killed = stack.kill("worker", signal.SIGKILL)
    assert len(killed) == 2
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def test_a_worker_told_to_stop_finishes_its_batch_first(stack: Stack, shop: Shop) -> None:
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


def test_a_worker_told_twice_to_stop_gives_its_batch_to_another(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 500)
    with held(shop):
        job = shop.accept("orders", batch)
        wait_in_the_middle(stack)
        pid = worker_of(stack, job)
        os.kill(pid, signal.SIGTERM)
        patience = time.monotonic() + IMPATIENT_SECONDS
        wait_until(lambda: time.monotonic() > patience, 2 * IMPATIENT_SECONDS, "impatience")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not is_running(pid), 8.0, "an end with the batch in hand")
    assert_applied_once(shop, [batch], shop.wait_ended([job]))


def test_what_a_frozen_idle_worker_took_is_done_by_another(stack: Stack, shop: Shop) -> None:
    """Its request for a job is with Redis already, so the next job goes to it."""
    batches = [make_orders(first, 10) for first in range(1, 61, 10)]
    frozen = stack.pids("worker")[0]
    os.kill(frozen, signal.SIGSTOP)
    jobs = [shop.accept("orders", batch) for batch in batches]
    ended = shop.wait_ended(jobs)
    os.kill(frozen, signal.SIGCONT)
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}


@pytest.mark.slow
def test_a_frozen_workers_batch_is_taken_over_and_its_late_run_changes_nothing(stack: Stack, shop: Shop) -> None:
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


def test_a_batch_that_kills_its_worker_each_time_is_given_up_kept_and_can_be_retried(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 5000)
    other = stack.create_store("Neighbour")
    with killing_whoever_works_on(stack, shop) as kills:
        poison = shop.accept("orders", batch)
        wait_until(lambda: kills, 20.0, "the first kill")
        others = [make_orders(first, 10) for first in range(1, 101, 10)]
        assert_applied_once(other, others, other.wait_ended([other.accept("orders", each) for each in others]))
        assert shop.job(poison)["status"] == "running", "the neighbour waited for the poison's end"
        failed = shop.wait_ended([poison], 60.0)[0]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "GAVE_UP")
    assert failed["attempts"] == len(kills) == MOST_ATTEMPTS
    assert stored(shop) == {}
    assert leftovers(stack, shop.id) == (1, 1), "the payload is kept"
    assert shop.call("POST", f"/api/sync/jobs/{poison}/retry").status_code == 202
    assert_applied_once(shop, [batch], shop.wait_ended([poison]))


@contextmanager
def killing_whoever_works_on(stack: Stack, shop: Shop) -> Iterator[list[int]]:
    """Kill -9 the worker of every counted attempt at the store's log; yields the ids of those killed."""
    killed: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            for log_id, attempts in stack.sql(ATTEMPTS, shop.id):
                if attempts > len(killed) and (pid := find_worker_of(stack, str(log_id))) is not None:
                    send(pid, signal.SIGKILL)
                    killed.append(pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield killed
    finally:
        over.set()
        watcher.join()


ATTEMPTS = "SELECT id, attempts FROM sync_logs WHERE store_id = %s AND phase = 'processing'"


def test_two_dispatchers_hand_out_each_batch_once(stack: Stack) -> None:
    shops = [stack.create_store(f"Shop {number}") for number in range(4)]
    posted = {shop.id: [make_orders(first, 10) for first in range(1, 101, 10)] for shop in shops}
    with second_dispatcher(stack), stack.frozen("worker"):
        jobs = {shop.id: [shop.accept("orders", batch) for batch in posted[shop.id]] for shop in shops}
        stack.redis.flushall()
        wait_until(lambda: stack.redis.llen("rq:queue:ingest") >= 30, 10.0, "what was emptied to be handed out again")
    for shop in shops:
        ended = shop.wait_ended(jobs[shop.id])
        assert_applied_once(shop, posted[shop.id], ended)
        assert {job["attempts"] for job in ended} == {1}
    enqueues = stack.sql("SELECT enqueues FROM sync_logs WHERE store_id = ANY (%s)", [shop.id for shop in shops])
    assert max(count for (count,) in enqueues) <= 3
    assert sum(count for (count,) in enqueues) <= 2 * len(enqueues) + len(stack.pids("worker"))


@contextmanager
def second_dispatcher(stack: Stack) -> Iterator[None]:
    log = stack.root.with_name("dispatcher")
    with log.open("wb") as file:
        process = subprocess.Popen(command("dispatcher"), cwd=REPOSITORY, env=stack.up.env, stdout=file, stderr=file)
    try:
        wait_until(lambda: "dispatcher_started" in log.read_text(), 20.0, "the second dispatcher")
        yield
    finally:
        process.terminate()
        assert process.wait(20.0) == 0
    assert "Traceback" not in log.read_text()
