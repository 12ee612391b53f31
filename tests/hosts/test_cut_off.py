"""Workers on three hosts; one is cut off in the middle of a batch, and no other end is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.conftest import Database, Servers
from tests.hosts.network import Host, host, urls_for, why_not
from tests.support.factories import make_customer, make_order
from tests.support.pipeline import accept_batch, read_log
from tests.support.stack import RECOVERY_SECONDS, environment
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.processes.dispatcher import run_dispatcher

pytestmark = pytest.mark.slow
HOSTS = 3
WAITING = """SELECT count(*) FROM pg_stat_activity
              WHERE application_name = 'sluice worker' AND wait_event_type = 'Lock' AND datname = current_database()"""


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[Host]]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        yield [stack.enter_context(host(number)) for number in range(1, HOSTS + 1)]


@pytest.fixture
def environments(
    hosts: list[Host], servers: Servers, database: Database, tmp_path: Path
) -> Iterator[list[dict[str, str]]]:
    """What the worker on each host is started with."""
    with ExitStack() as stack:
        redis = Path(urlsplit(servers.redis.url).path)
        urls = [stack.enter_context(urls_for(one, database.url, redis)) for one in hosts]
        yield [
            environment(tmp_path / one.name, 1, SECRET_KEY="s" * 32, **at) for one, at in zip(hosts, urls, strict=True)
        ]


@pytest.fixture
def dispatcher(runtime: Runtime, database: Database, servers: Servers, tmp_path: Path) -> Iterator[None]:
    stop = threading.Event()
    settings = replace(runtime.settings, data_dir=tmp_path)
    thread = threading.Thread(target=run_dispatcher, args=(settings, database.url, servers.redis.url, stop))
    thread.start()
    yield
    stop.set()
    thread.join()


def ended(runtime: Runtime, store_id: UUID, logs: list[UUID]) -> bool:
    return all(read_log(runtime, store_id, log_id).status == "completed" for log_id in logs)


def count(root_conn: Connection, table: str, store_id: UUID) -> int:
    row = root_conn.execute(f"SELECT count(*) FROM {table} WHERE store_id = %s".encode(), (store_id,)).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.usefixtures("dispatcher")
def test_a_host_that_is_cut_off_in_mid_batch_costs_its_batch_half_a_minute(
    hosts: list[Host],
    environments: list[dict[str, str]],
    runtime: Runtime,
    store_id: UUID,
    root_conn: Connection,
    database: Database,
    tmp_path: Path,
) -> None:
    first, *others = hosts
    with psycopg.connect(database.superuser_url) as hand:
        # Held until the cable is pulled: the worker has begun its transaction, and can't have ended it.
        hand.execute("SELECT pg_advisory_xact_lock(hashtextextended('customers' || %s, 0))", (str(store_id),))
        first.start_worker(environments[0], tmp_path / "first.log")
        lost = accept_batch(runtime, store_id, "customers", [make_customer(wc_customer_id=n) for n in range(1, 101)])
        wait_until(lambda: root_conn.execute(WAITING).fetchone() == (1,), 30.0, "the first host to be in mid-batch")
        first.pull()
    cut_at = time.monotonic()
    for number, other in enumerate(others, start=1):
        other.start_worker(environments[number], tmp_path / f"{number}.log")
    more = [accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=n)]) for n in range(1, 31)]
    wait_until(lambda: ended(runtime, store_id, [lost, *more]), RECOVERY_SECONDS + 15.0, "all batches to complete")
    print(f"recovered {time.monotonic() - cut_at:.1f} s after the cable was pulled")  # noqa: T201
    assert (count(root_conn, "customers", store_id), count(root_conn, "orders", store_id)) == (100, 30)
    assert read_log(runtime, store_id, lost).attempts == 2

    for other in others:
        other.stop_worker()
    first.plug()
    last = accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=31)])
    restarted = first.worker is not None and first.worker.poll() is not None
    if restarted:  # its supervisor's part
        first.start_worker(environments[0], tmp_path / "first.log")
    wait_until(lambda: ended(runtime, store_id, [last]), 90.0, "the first host to work again")
    assert count(root_conn, "orders", store_id) == 31
