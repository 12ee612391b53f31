"""Restarts as in a deployment: everything at once, worker by worker, and a minute without workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from tests.faults.harm import away, pause
from tests.faults.oracle import accept_in_the_end, assert_applied_once, held, make_orders, wait_in_the_middle
from tests.support.stack import Shop, Stack, send

ROLLING_SECONDS = 60
AWAY_SECONDS = 60.0


@pytest.mark.slow
def test_stopping_process_groups_fails_no_batch(stack: Stack, shop: Shop) -> None:
    """SIGTERM to all processes of the group, as systemd sends it."""
    batches = [make_orders(first, 100) for first in range(1, 1001, 100)]
    with ThreadPoolExecutor(4) as clients:
        with held(shop):
            jobs = [shop.accept("orders", batch) for batch in batches[:4]]
            wait_in_the_middle(stack, workers=2)
            stopped = [pid for kind in ("api", "dispatcher", "worker") for pid in stack.pids(kind)]
            for leader in stopped:
                os.killpg(leader, signal.SIGTERM)
            later = [clients.submit(accept_in_the_end, shop, batch) for batch in batches[4:]]
        jobs += [job.result(60.0) for job in later]
    ended = shop.wait_ended(jobs)
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}
    assert not set(stopped) & {pid for kind in ("api", "dispatcher", "worker") for pid in stack.pids(kind)}


@pytest.mark.slow
def test_restarting_workers_every_second_applies_once(stack: Stack, shop: Shop) -> None:
    """Many are killed before they are ready: a worker takes a second or two to start."""
    with posting_all_the_time(shop) as posted:
        for _ in range(ROLLING_SECONDS):
            for pid in stack.pids("worker")[:1]:
                send(pid, signal.SIGTERM)
            pause(1.0)
    ended = shop.wait_ended([job for job, _ in posted])
    assert len(ended) > ROLLING_SECONDS
    assert_applied_once(shop, [batch for _, batch in posted], ended)


@contextmanager
def posting_all_the_time(shop: Shop) -> Iterator[list[tuple[str, list[dict[str, Any]]]]]:
    """Four clients that each post a small batch about every second; yields (job id, batch)."""
    numbers, over = count(), threading.Event()
    posted: list[tuple[str, list[dict[str, Any]]]] = []

    def post() -> None:
        while not over.wait(1.0):
            batch = make_orders(1 + 20 * next(numbers), 20)
            posted.append((accept_in_the_end(shop, batch), batch))

    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(post) for _ in range(4)]
        try:
            yield posted
        finally:
            over.set()
        for each in running:
            each.result(60.0)


@pytest.mark.slow
def test_a_minute_without_workers_only_delays_batches(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 20) for first in range(1, 1201, 20)]
    jobs: list[str] = []
    with away(stack, "worker", signal.SIGKILL):
        for batch in batches:
            jobs.append(shop.accept("orders", batch))
            pause(AWAY_SECONDS / len(batches))
        assert {shop.job(job)["status"] for job in jobs} == {"running"}
    ended = shop.wait_ended(jobs)
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}
