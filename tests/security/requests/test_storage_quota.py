"""A store that fills the disk is stopped at its quota; other stores are not affected."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis

from app.http.full_stores import FullStores
from app.http.services import EXTENSION
from app.settings.environment import Settings, load_settings
from app.usecases.stores import CreatedStore, create_store
from db.insight.storage import list_full_stores, measure_storage
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.factories import make_order
from tests.support.outbound import make_erp_product
from tests.support.pipeline import bearer, post, sync
from workers.core.runtime import Runtime
from workers.processes.slow_tick import SlowTick

QUOTA = 100_000
NEVER = timedelta(seconds=0)


@pytest.fixture(scope="module")
def limited(settings: Settings, database: Database, servers: Servers) -> Iterator[Flask]:
    with application(replace(settings, max_store_bytes=QUOTA), database.url, servers.redis.url) as made:
        yield made


@pytest.fixture
def caller(limited: Flask, redis: Redis) -> FlaskClient:
    """The API, with nothing remembered of whose store is full."""
    limited.extensions[EXTENSION].full_stores.forget()
    return limited.test_client()


@pytest.fixture
def full(runtime: Runtime, conn: Connection) -> CreatedStore:
    """A store above its quota, measured by the dispatcher. Its token may do everything."""
    store = create_store(conn, "Full", "woocommerce", role="admin")
    texts = (random.Random(key).randbytes(900).hex() for key in range(1, 80))  # PostgreSQL compresses repetitions
    orders = [make_order(wc_order_id=key, payment_method=text) for key, text in enumerate(texts, 1)]
    sync(runtime, store.store_id, "orders", orders)
    slow = SlowTick(
        replace(runtime.settings, max_store_bytes=QUOTA), runtime.pool, runtime.wake_up, storage_pause=NEVER
    )
    slow.run()
    return store


def test_a_full_store_is_refused_before_anything_is_kept(
    caller: FlaskClient, full: CreatedStore, root_conn: Connection
) -> None:
    before = root_conn.execute("SELECT count(*) FROM sync_logs").fetchone()
    answer = post(caller, full.token, "orders", [make_order()])
    assert (answer.status_code, (answer.json or {})["error"]["code"]) == (429, "STORAGE_FULL")
    assert int(answer.headers["Retry-After"]) > 0
    assert root_conn.execute("SELECT count(*) FROM sync_logs").fetchone() == before


def test_no_route_that_brings_data_takes_more(caller: FlaskClient, full: CreatedStore) -> None:
    bodies: dict[tuple[str, str], Any] = {
        ("PUT", "/api/v1/erp/products"): {"products": [make_erp_product()]},
        ("PUT", "/api/v1/erp/categories"): {"categories": []},
        ("POST", "/api/v1/woocommerce/events"): {"events": []},
        ("POST", "/api/v1/woocommerce/pull/orders"): {},
        ("POST", "/api/sync/coverage/fill"): {"entity": "orders"},
    }
    found = {
        route: caller.open(route[1], method=route[0], json=body, headers=bearer(full.token)).json
        for route, body in bodies.items()
    }
    assert {route: (answer or {})["error"]["code"] for route, answer in found.items()} == dict.fromkeys(
        bodies, "STORAGE_FULL"
    )


def test_reading_and_the_neighbours_go_on(caller: FlaskClient, full: CreatedStore, other_store: CreatedStore) -> None:
    assert caller.get("/api/sync/status", headers=bearer(full.token)).status_code == 200
    assert post(caller, other_store.token, "orders", [make_order()]).status_code == 202


def test_without_a_quota_nothing_is_measured_or_refused(
    client: FlaskClient, full: CreatedStore, root_conn: Connection, runtime: Runtime
) -> None:
    assert load_settings({}).max_store_bytes == 0
    assert post(client, full.token, "orders", [make_order()]).status_code == 202
    root_conn.execute("DELETE FROM store_storage")
    SlowTick(runtime.settings, runtime.pool, runtime.wake_up, storage_pause=NEVER).run()
    assert root_conn.execute("SELECT count(*) FROM store_storage").fetchone() == (0,)


def measured(root_conn: Connection, store_id: UUID) -> int:
    row = root_conn.execute("SELECT bytes FROM store_storage WHERE store_id = %s", (store_id,)).fetchone()
    assert row is not None
    return int(row[0])


def test_batches_that_wait_count_with_their_bytes(
    client: FlaskClient, conn: Connection, root_conn: Connection, store: CreatedStore
) -> None:
    measure_storage(conn, 1000, NEVER)
    before = measured(root_conn, store.store_id)
    root_conn.execute(
        """WITH log AS (INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, error_code,
                                               next_attempt_at)
                        VALUES (%s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'failed', 1, 'INTERNAL', now())
                    RETURNING store_id, id)
           INSERT INTO sync_payloads (store_id, log_id, body)
           SELECT store_id, id, convert_to(repeat('x', 5000000), 'UTF8') FROM log""",
        (store.store_id,),
    )
    measure_storage(conn, 1000, NEVER)
    assert 5_000_000 <= measured(root_conn, store.store_id) - before < 5_010_000


def test_a_sample_of_a_table_stands_for_the_whole(conn: Connection, root_conn: Connection, full: CreatedStore) -> None:
    """One block in two is read: the figure stays in the right range."""
    root_conn.execute(
        """INSERT INTO stale_arrivals (store_id, entity, external_id, log_id, offered_version)
           SELECT store_id, 'orders', number, id, now()
             FROM sync_logs, generate_series(1, 20000) number WHERE store_id = %s""",
        (full.store_id,),
    )
    measure_storage(conn, 100_000, NEVER)
    exact = measured(root_conn, full.store_id)
    measure_storage(conn, 100, NEVER)
    assert 0.7 < measured(root_conn, full.store_id) / exact < 1.4


def test_one_dispatcher_measures_within_a_pause(conn: Connection, full: CreatedStore) -> None:
    assert measure_storage(conn, 1000, timedelta(hours=1)) is None
    assert (measure_storage(conn, 1000, NEVER) or 0) > 0
    assert full.store_id in list_full_stores(conn, QUOTA)
    assert list_full_stores(conn, 10**15) == []


def test_full_stores_are_asked_for_once_in_a_while() -> None:
    now, asked = [0.0], [0]

    def look_up(most: int) -> list[UUID]:
        asked[0] += 1
        return [UUID(int=most)]

    full = FullStores(7, look_up, lambda: now[0])
    for moment, times in ((0.0, 1), (9.0, 1), (11.0, 2)):
        now[0] = moment
        assert full.holds(UUID(int=7)) and not full.holds(UUID(int=8))
        assert asked == [times]
