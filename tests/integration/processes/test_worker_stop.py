"""A worker process that is asked to stop in the middle of a pull leaves the rest to another."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection

from tests.conftest import Database, Servers
from tests.fakes.common.server import Call
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.paths import ROOT
from tests.support.pulls import SECRET_KEY, Shopkeeper
from tests.support.stack import command, environment
from tests.support.waiting import wait_until
from workers.pulls.turn import Turn

ORDERS = "/api/tiktok/sync/orders"
SEARCH = "/order/202309/orders/search"
PAGES = 30


@pytest.fixture
def shop() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=PAGES * 100) as shop:
        yield shop


def test_asked_to_stop_a_worker_leaves_pages_of_its_pull(
    keeper: Shopkeeper, shop: FakeTiktok, database: Database, servers: Servers, root_conn: Connection, tmp_path: Path
) -> None:
    """The third page is held until the signal is sent; whoever did not heed it would read all that are left."""
    third, answer = threading.Event(), threading.Event()

    def hold_third(call: Call) -> None:
        if call.path == SEARCH and shop.server.calls[SEARCH] == 3:
            third.set()
            answer.wait(60)

    shop.server.before = hold_third
    job = keeper.start(ORDERS)
    more = {"DATABASE_URL": database.url, "REDIS_URL": servers.redis.url, "SECRET_KEY": SECRET_KEY}
    env = environment(tmp_path, 5000, **more, PULL_TURN_SECONDS="600")
    worker = subprocess.Popen(command("worker", "pull"), cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: third.is_set() or worker.poll() is not None, 60.0, "the third page")
        worker.send_signal(signal.SIGTERM)
        answer.set()
        assert worker.wait(60) == 0
    finally:
        answer.set()
        worker.kill()
        worker.wait()
    assert shop.server.calls[SEARCH] < PAGES, "no page was left"
    left = keeper.job(job)
    assert (left["status"], left["phase"], left["attempts"]) == ("running", "queued", 0)
    assert keeper.work(job) is Turn.COMPLETED
    count = "SELECT count(*) FROM orders WHERE store_id = %s"
    assert root_conn.execute(count, (keeper.store_id,)).fetchone() == (PAGES * 100,)
    assert shop.server.calls[SEARCH] == PAGES, "none was read twice"
