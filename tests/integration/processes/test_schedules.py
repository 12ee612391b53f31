"""Schedules: set by API and command line, and run once per tick by any number of dispatchers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis

from app.usecases.stores import CreatedStore
from db.sync.logs import Ticket
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pipeline import bearer
from tests.support.pulls import Shopkeeper
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher
from workers.processes.scheduler import PULL_SCHEDULES, run_due
from workers.pulls.turn import Turn

ORDERS = "/api/sync/schedules/orders"


@pytest.fixture
def shop() -> Iterator[FakeTiktok]:
    with FakeTiktok(orders=30) as shop:
        yield shop


@pytest.fixture
def keeper(root_conn: Connection, keeper: Shopkeeper) -> Shopkeeper:
    """A keeper of the only store with schedules or logs."""
    root_conn.execute("DELETE FROM schedules")
    root_conn.execute("DELETE FROM sync_logs")
    return keeper


def make_due(root_conn: Connection, minutes: int = 1) -> None:
    root_conn.execute("UPDATE schedules SET next_run_at = now() - make_interval(mins => %s)", (minutes,))


def schedule(keeper: Shopkeeper) -> dict[str, Any]:
    (found,) = keeper.data("GET", "/api/sync/schedules")["schedules"]
    result: dict[str, Any] = found
    return result


def test_due_schedule_starts_a_pull_and_wakes_a_worker(
    keeper: Shopkeeper, runtime: Runtime, root_conn: Connection, redis: Redis
) -> None:
    keeper.data("PUT", ORDERS, everySeconds=900)
    dispatcher = Dispatcher(runtime.settings, runtime.pool, runtime.wake_up)
    dispatcher.tick()
    assert waiting_logs(redis) == []  # not due yet
    make_due(root_conn)
    dispatcher.tick()
    (log_id,) = waiting_logs(redis)
    assert keeper.work(log_id) is Turn.COMPLETED
    assert keeper.job(log_id)["counts"]["inserted"] == 30
    assert schedule(keeper)["lastJobId"] == str(log_id)


def test_missed_ticks_run_once(keeper: Shopkeeper, runtime: Runtime, root_conn: Connection) -> None:
    keeper.data("PUT", ORDERS, everySeconds=60)
    make_due(root_conn, minutes=500)
    assert len(list(run_due(runtime.pool, PULL_SCHEDULES))) == 1
    assert list(run_due(runtime.pool, PULL_SCHEDULES)) == []


def test_store_above_its_quota_misses_its_ticks(keeper: Shopkeeper, runtime: Runtime, root_conn: Connection) -> None:
    keeper.data("PUT", ORDERS, everySeconds=60)
    make_due(root_conn)
    root_conn.execute("DELETE FROM store_storage")
    root_conn.execute("INSERT INTO store_storage (store_id, bytes) SELECT id, 1001 FROM stores")
    assert list(run_due(runtime.pool, PULL_SCHEDULES, 1000)) == []
    make_due(root_conn)
    assert len(list(run_due(runtime.pool, PULL_SCHEDULES, 1001))) == 1


def test_concurrent_dispatchers_start_one_pull(keeper: Shopkeeper, runtime: Runtime, root_conn: Connection) -> None:
    keeper.data("PUT", ORDERS, cron="*/5 * * * *")
    make_due(root_conn)
    started: list[Ticket] = []
    barrier = threading.Barrier(4)

    def tick() -> None:
        barrier.wait()
        started.extend(list(run_due(runtime.pool, PULL_SCHEDULES)))

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == 1
    assert root_conn.execute("SELECT count(*) FROM sync_logs").fetchone() == (1,)


def test_tick_during_a_pull_starts_none(keeper: Shopkeeper, runtime: Runtime, root_conn: Connection) -> None:
    keeper.start("/api/tiktok/sync/orders")
    keeper.data("PUT", ORDERS, everySeconds=60)
    make_due(root_conn)
    assert list(run_due(runtime.pool, PULL_SCHEDULES)) == []
    found = schedule(keeper)
    assert found["lastRunAt"] is not None and found["lastJobId"] is None


def test_schedule_is_replaced_and_removed(keeper: Shopkeeper) -> None:
    keeper.data("PUT", ORDERS, everySeconds=60)
    keeper.data("PUT", ORDERS, cron="0 3 * * *", syncMode="update", staleAfterMins=90)
    found = schedule(keeper)
    assert (found["cron"], found["everySeconds"], found["syncMode"], found["staleAfterMins"]) == (
        "0 3 * * *",
        None,
        "update",
        90,
    )
    keeper.data("DELETE", ORDERS)
    assert keeper.call("DELETE", ORDERS).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"everySeconds": 5},
        {"everySeconds": "60"},
        {"cron": "nonsense"},
        {"cron": 5},
        {"cron": "* * * * *", "everySeconds": 60},
        {"everySeconds": 60, "syncMode": "update"},
        {"everySeconds": 60, "staleAfterMins": 5},
        {"everySeconds": 60, "syncMode": "never"},
    ],
)
def test_impossible_schedule_is_refused(keeper: Shopkeeper, body: dict[str, Any]) -> None:
    assert keeper.call("PUT", ORDERS, **body).status_code == 400


def test_entity_without_pulls_has_no_schedule(keeper: Shopkeeper, client: FlaskClient, store: CreatedStore) -> None:
    assert keeper.call("PUT", "/api/sync/schedules/customers", everySeconds=60).status_code == 400
    products = "/api/sync/schedules/products"  # a WooCommerce store's are posted by its plugin
    assert client.put(products, json={"everySeconds": 60}, headers=bearer(store.token)).status_code == 400


@pytest.fixture
def command(command_line: Callable[..., tuple[int, str]]) -> Callable[..., tuple[int, str]]:
    return lambda *words: command_line("schedules", *words)


def test_schedules_on_the_command_line(keeper: Shopkeeper, command: Callable[..., tuple[int, str]]) -> None:
    store = ("--store", str(keeper.store_id))
    code, shown = command("set", *store, "--cron", "*/15 * * * *")
    assert (code, "next run at" in shown) == (0, True)
    assert schedule(keeper)["cron"] == "*/15 * * * *"
    code, shown = command("list", *store, "--json")
    assert (code, json.loads(shown.splitlines()[-1])[0]["entity"]) == (0, "orders")
    code, shown = command("list", *store)
    assert (code, "incremental" in shown) == (0, True)
    assert command("remove", *store)[0] == 0
    code, shown = command("remove", *store)
    assert (code, "no schedule" in shown) == (3, True)


REFUSED = (
    ("--every", "5"),
    ("--cron", "x"),
    ("--every", "60", "--mode", "update"),
    ("--every", "60", "--entity", "customers"),
)


@pytest.mark.parametrize("words", REFUSED)
def test_command_line_refuses_an_impossible_schedule(
    keeper: Shopkeeper, command: Callable[..., tuple[int, str]], words: tuple[str, ...]
) -> None:
    assert command("set", "--store", str(keeper.store_id), *words)[0] == 1


def test_outdated_stored_schedule_stops_nothing(keeper: Shopkeeper, runtime: Runtime, root_conn: Connection) -> None:
    keeper.data("PUT", ORDERS, everySeconds=60)
    root_conn.execute("UPDATE schedules SET cron = 'R * * * *', every_seconds = NULL")
    make_due(root_conn)
    (ticket,) = list(run_due(runtime.pool, PULL_SCHEDULES))
    assert keeper.data("GET", f"/api/sync/jobs/{ticket.log_id}")["status"] == "running"
    assert list(run_due(runtime.pool, PULL_SCHEDULES)) == []
