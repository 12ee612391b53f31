"""Batches that kill their worker each time: given up after the last attempt, kept, and retried on request."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults.harm import short_of_memory
from tests.faults.oracle import assert_applied_once, assert_nothing_told, find_worker_of, leftovers, make_orders, stored
from tests.support.factories import make_item, make_order
from tests.support.stack import Shop, Stack, running_stack, send
from tests.support.waiting import wait_until

MOST_ATTEMPTS = 3
SPARE_BYTES = 24 * 1024 * 1024
ATTEMPTS = "SELECT id, attempts FROM sync_logs WHERE store_id = %s AND phase = 'processing'"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(WORKERS="2", MAX_ATTEMPTS=str(MOST_ATTEMPTS)) as running:
        yield running
        assert_nothing_told(running)


@pytest.mark.slow
def test_a_batch_that_kills_workers_is_given_up_and_kept(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 5000)
    other = stack.create_store("Neighbour")
    with killing_whoever_works_on(stack, shop) as kills:
        poison = shop.accept("orders", batch)
        wait_until(lambda: kills, 20.0, "the first kill")
        others = [make_orders(first, 10) for first in range(1, 101, 10)]
        assert_applied_once(other, others, other.wait_ended([other.accept("orders", each) for each in others]))
        assert shop.job(poison)["status"] == "running", "the neighbour waited for the poison's end"
        failed = shop.wait_ended([poison], 60.0)[0]
    assert failed["attempts"] == len(kills) == MOST_ATTEMPTS
    assert_given_up(shop, failed)
    assert shop.call("POST", f"/api/sync/jobs/{poison}/retry").status_code == 202
    assert_applied_once(shop, [batch], shop.wait_ended([poison]))


def assert_given_up(shop: Shop, job: dict[str, Any]) -> None:
    assert (job["status"], job["error"]["code"]) == ("failed", "GAVE_UP")
    assert job["attempts"] == MOST_ATTEMPTS
    assert stored(shop) == {}
    assert leftovers(shop.stack, shop.id) == (1, 1), "the payload is kept"


@contextmanager
def killing_whoever_works_on(stack: Stack, shop: Shop) -> Iterator[list[int]]:
    """Kill the worker of every counted attempt at the store's log; yields their process ids."""
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


@pytest.mark.slow
def test_a_batch_too_large_for_memory_is_given_up(stack: Stack, shop: Shop) -> None:
    """Smaller batches are applied meanwhile, by the same workers."""
    batch = [make_order(wc_order_id=key, items=[make_item()] * 40) for key in range(1, 1501)]
    small = stack.create_store("Small")
    with short_of_memory(stack, SPARE_BYTES):
        poison = shop.accept("orders", batch)
        others = [make_orders(first, 10) for first in range(1, 31, 10)]
        assert_applied_once(small, others, small.wait_ended([small.accept("orders", each) for each in others]))
        assert_given_up(shop, shop.wait_ended([poison], 60.0)[0])
    assert shop.call("POST", f"/api/sync/jobs/{poison}/retry").status_code == 202
    assert [job["status"] for job in shop.wait_ended([poison], 60.0)] == ["completed"]
