"""All of Sluice behind PgBouncer in transaction mode: few server connections for many of ours, nothing left in a session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from app.usecases.stores import CreatedStore, create_store
from tests.conftest import Database, Servers
from tests.hosts.pooler import PROGRAM, SERVER_CONNECTIONS, Pooler, pooler
from tests.support.data_dirs import data_dir
from tests.support.factories import make_category, make_customer, make_order, make_product
from tests.support.stack import Up
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer"),
]
BATCHES = 30


@dataclass(frozen=True)
class Behind:
    """A Sluice whose every process goes through the pooler."""

    pooler: Pooler
    http: httpx.Client
    stores: list[CreatedStore]


@pytest.fixture(scope="module")
def behind(servers: Servers, database: Database) -> Iterator[Behind]:
    with pooler(database.url) as made, data_dir() as root:
        settings = {
            "DATABASE_URL": made.url, "MIGRATION_DATABASE_URL": database.owner_url, "REDIS_URL": servers.redis.url,
            "SECRET_KEY": "s" * 32, "PREPARED_STATEMENTS": "false", "WORKERS": "2", "WEB_WORKERS": "2",
            "RATE_LIMIT_PER_MINUTE": "1000000",
        }  # fmt: skip
        up = Up(root, settings=settings).start()
        try:
            up.ready()
            with psycopg.connect(made.url, autocommit=True) as conn:
                stores = [create_store(conn, f"Shop {n}", "woocommerce") for n in range(2)]
            with httpx.Client(base_url=f"http://127.0.0.1:{up.port}", timeout=30.0) as http:
                yield Behind(made, http, stores)
        finally:
            up.end()


def post(behind: Behind, store: CreatedStore, entity: str, records: list[Any]) -> str:
    headers = {"Authorization": f"Bearer {store.token}", "Content-Type": "application/json"}
    answer = behind.http.post(f"/api/sync/{entity}", content=json.dumps({entity: records}), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["jobId"])


def job(behind: Behind, store: CreatedStore, job_id: str) -> dict[str, Any]:
    answer = behind.http.get(f"/api/sync/jobs/{job_id}", headers={"Authorization": f"Bearer {store.token}"})
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def batch(number: int) -> tuple[str, list[Any]]:
    """Each entity in turn, every batch with rows of its own."""
    ids = range(number * 20, number * 20 + 20)
    return (
        ("orders", [make_order(wc_order_id=n + 1, customer_id=n % 7 + 1) for n in ids]),
        ("products", [make_product(wc_product_id=n + 1) for n in ids]),
        ("customers", [make_customer(wc_customer_id=n + 1) for n in ids]),
        ("categories", [make_category(wc_category_id=n + 1) for n in ids]),
    )[number % 4]


def states(behind: Behind, jobs: list[tuple[CreatedStore, str]]) -> set[str]:
    return {str(job(behind, store, job_id)["status"]) for store, job_id in jobs}


def test_two_stores_sync_through_a_few_connections(behind: Behind, database: Database) -> None:
    work = [(store, *batch(number)) for number in range(BATCHES) for store in behind.stores]
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda one: (one[0], post(behind, *one)), work))
    wait_until(lambda: "running" not in states(behind, jobs), 60.0, "all jobs to end")
    assert states(behind, jobs) == {"completed"}
    with psycopg.connect(database.superuser_url) as conn:
        for store in behind.stores:
            for entity, batches in (("orders", 8), ("products", 8), ("customers", 7), ("categories", 7)):
                count = f"SELECT count(*) FROM {entity} WHERE store_id = %s".encode()
                assert conn.execute(count, (store.store_id,)).fetchone() == (batches * 20,)


def test_a_store_sees_its_own_whichever_connection_it_gets(behind: Behind) -> None:
    one, other = behind.stores
    posted = {store.store_id: post(behind, store, *batch(0)) for store in behind.stores}
    headers = [{"Authorization": f"Bearer {store.token}"} for store in (one, other)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: behind.http.get("/api/sync/jobs", headers=headers[n % 2]), range(60)))
    seen = [{found["jobId"] for found in answer.json()["data"]["jobs"]} for answer in answers]
    mine, theirs = set().union(*seen[::2]), set().union(*seen[1::2])
    assert posted[one.store_id] in mine and posted[other.store_id] in theirs and mine & theirs == set()


def test_many_of_ours_are_few_of_the_servers(behind: Behind) -> None:
    (pool,) = [row for row in behind.pooler.show("POOLS") if row["user"] == "sluice_app"]
    assert pool["pool_mode"] == "transaction"
    servers = [row for row in behind.pooler.show("SERVERS") if row["user"] == "sluice_app"]
    clients = [row for row in behind.pooler.show("CLIENTS") if row["user"] == "sluice_app"]
    assert 0 < len(servers) <= SERVER_CONNECTIONS < len(clients)
