"""Pulls in real processes: killed workers, long runs that yield, and a deployment during a run."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tests.fakes.common.server import Call
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.stack import Shop, Stack, running_stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ORDERS = "/api/tiktok/sync/orders"
SEARCH = "/order/202309/orders/search"
PAGES = 60
KILLS = 10


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(PULL_TURN_SECONDS="2") as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=PAGES * 100) as fake:
        fake.server.latency = 0.1
        yield fake


@pytest.fixture
def shop(stack: Stack, fake: FakeTiktok) -> Shop:
    return stack.connect_store("tiktok", fake.url, fake.credentials)


def stored(shop: Shop) -> dict[int, str]:
    return dict(shop.stack.sql("SELECT external_id, platform_status FROM orders WHERE store_id = %s", shop.id))


def wanted(fake: FakeTiktok) -> dict[int, str]:
    return {int(row["id"]): row["status"] for row in fake.tables["orders"].all()}


def test_a_pull_killed_ten_times_ends_correctly(stack: Stack, shop: Shop, fake: FakeTiktok) -> None:
    draw = random.Random(7)
    job = shop.start(ORDERS)
    for kill in range(KILLS):
        seen = fake.server.calls[SEARCH]
        goal = seen + draw.randint(1, 4)
        wait_until(lambda goal=goal: fake.server.calls[SEARCH] >= goal, 60.0, f"page {goal}")  # type: ignore[misc]
        time.sleep(draw.uniform(0, 0.15))  # anywhere within a page
        os.kill(stack.pids("puller")[0], signal.SIGKILL)
        wait_until(lambda: stack.pids("puller"), 20.0, f"another worker after kill {kill}")
    (ended,) = shop.wait_ended([job], 90.0)
    assert ended["status"] == "completed"
    assert (ended["receivedCount"], ended["counts"]["inserted"]) == (PAGES * 100, PAGES * 100)
    assert stored(shop) == wanted(fake)
    assert fake.server.calls[SEARCH] <= PAGES + KILLS  # at most one page again for each


def test_a_long_pull_yields_to_another_store(stack: Stack, shop: Shop, fake: FakeTiktok) -> None:
    long = shop.start(ORDERS)
    with FakeTiktok(orders=150) as other_fake:
        other = stack.connect_store("tiktok", other_fake.url, other_fake.credentials)
        other.wait_completed([other.start(ORDERS)])
        assert shop.job(long)["status"] == "running"
    shop.wait_completed([long], 60.0)
    assert stored(shop) == wanted(fake)


def test_a_stopped_worker_ends_its_pull_at_the_next_page(stack: Stack, shop: Shop, fake: FakeTiktok) -> None:
    """The third page is held until the signal is sent, and the fourth, which it should not ask for, until it has ended."""
    stopped, ended = threading.Event(), threading.Event()
    held = {3: stopped, 4: ended}

    def hold(call: Call) -> None:
        if call.path == SEARCH and (event := held.get(fake.server.calls[SEARCH])) is not None:
            event.wait(60)

    fake.server.before = hold
    job = shop.start(ORDERS)
    wait_until(lambda: fake.server.calls[SEARCH] >= 3, 30.0, "the third page")
    (puller,) = stack.pids("puller")
    os.kill(puller, signal.SIGTERM)
    stopped.set()
    try:
        wait_until(lambda: puller not in stack.pids("puller"), 10.0, "the worker's end")
        assert shop.job(job)["status"] == "running", "no page was left"
    finally:
        ended.set()
    shop.wait_completed([job], 60.0)
    assert fake.server.calls[SEARCH] == PAGES  # none twice
