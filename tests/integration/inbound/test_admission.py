"""One log per key, a limit of open logs per store, and a window of logs in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection
from redis import Redis

from app.settings.environment import Settings
from app.usecases.stores import CreatedStore
from db.core.tenancy import tenant
from db.sync.dispatch import admit_waiting
from db.sync.logs import admit_next
from tests.conftest import Database, Servers
from tests.support.application import application
from tests.support.factories import make_customer, make_order
from tests.support.pipeline import accept_batch, bearer, post
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.inbound.process import process

KEY = {"Idempotency-Key": "key-1"}
ORDERS = [make_order()]


@contextmanager
def changed_application(settings: Settings, database: Database, servers: Servers, **changed: Any) -> Iterator[Flask]:
    """The application under other settings."""
    with application(replace(settings, **changed), database.url, servers.redis.url) as app:
        yield app


def logs_of(root_conn: Connection, store: CreatedStore) -> int:
    row = root_conn.execute("SELECT count(*) FROM sync_logs WHERE store_id = %s", (store.store_id,)).fetchone()
    return int(row[0]) if row else 0


def id_of(answer: Any) -> UUID:
    return UUID(answer.json["data"]["syncLogId"])


def test_same_key_and_body_get_the_first_receipt(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, redis: Redis
) -> None:
    first, second = (post(client, store.token, "orders", ORDERS, KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json == second.json
    assert (first.headers.get("Idempotent-Replayed"), second.headers["Idempotent-Replayed"]) == (None, "true")
    assert (logs_of(root_conn, store), len(waiting_logs(redis))) == (1, 1)


def test_same_key_with_another_body_is_refused(client: FlaskClient, store: CreatedStore, root_conn: Connection) -> None:
    post(client, store.token, "orders", ORDERS, KEY)
    answers = [
        post(client, store.token, "orders", [make_order(status="x")], KEY),
        post(client, store.token, "orders", [], KEY),
        post(client, store.token, "products", ORDERS, KEY),
    ]
    refusals = {(answer.status_code, (answer.json or {})["error"]["code"]) for answer in answers}
    assert refusals == {(422, "IDEMPOTENCY_KEY_REUSED")}
    assert logs_of(root_conn, store) == 1


def test_quoted_key_is_the_same_key(client: FlaskClient, store: CreatedStore) -> None:
    answers = [post(client, store.token, "orders", ORDERS, {"Idempotency-Key": key}) for key in ("k", '"k"', ' "k" ')]
    assert len({id_of(answer) for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, "é"])
def test_malformed_key_is_refused(client: FlaskClient, store: CreatedStore, key: str) -> None:
    assert post(client, store.token, "orders", ORDERS, {"Idempotency-Key": key}).status_code == 400


def test_empty_batch_is_replayed(client: FlaskClient, store: CreatedStore) -> None:
    first, second = (post(client, store.token, "orders", [], KEY) for _ in range(2))
    assert (first.status_code, second.status_code, first.json) == (200, 200, second.json)
    assert second.headers["Idempotent-Replayed"] == "true"


def test_key_is_replayed_after_its_log_ended(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    first = post(client, store.token, "orders", ORDERS, KEY)
    process(runtime, store.store_id, id_of(first))
    assert id_of(post(client, store.token, "orders", ORDERS, KEY)) == id_of(first)


def test_same_key_in_two_stores_makes_two_logs(
    client: FlaskClient, store: CreatedStore, other_store: CreatedStore
) -> None:
    assert id_of(post(client, store.token, "orders", ORDERS, KEY)) != id_of(
        post(client, other_store.token, "orders", ORDERS, KEY)
    )


def test_posts_without_a_key_make_two_logs(client: FlaskClient, store: CreatedStore) -> None:
    first, second = (post(client, store.token, "orders", ORDERS) for _ in range(2))
    assert id_of(first) != id_of(second)


def test_concurrent_posts_with_one_key_make_one_log(
    client: FlaskClient, store: CreatedStore, root_conn: Connection, redis: Redis
) -> None:
    app = client.application
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post(app.test_client(), store.token, "orders", ORDERS, KEY), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({id_of(answer) for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed") for answer in answers) == {None: 1, "true": 19}
    assert (logs_of(root_conn, store), len(waiting_logs(redis))) == (1, 1)


def test_concurrent_posts_with_two_bodies_make_one_log(
    client: FlaskClient, store: CreatedStore, root_conn: Connection
) -> None:
    app, bodies = client.application, ([make_order()], [make_order(status="x")])
    with ThreadPoolExecutor(20) as threads:
        answers = list(
            threads.map(lambda n: post(app.test_client(), store.token, "orders", bodies[n % 2], KEY), range(20))
        )
    assert Counter(answer.status_code for answer in answers) == {202: 10, 422: 10}
    assert logs_of(root_conn, store) == 1


def test_store_has_a_limit_of_open_logs(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, root_conn: Connection, redis: Redis
) -> None:
    with changed_application(settings, database, servers, max_open_logs_per_store=3) as app:
        answers = [post(app.test_client(), store.token, "orders", ORDERS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert (answers[3].json or {})["error"]["code"] == "RATE_LIMITED"
    assert int(answers[3].headers["Retry-After"]) > 0
    assert (logs_of(root_conn, store), len(waiting_logs(redis))) == (3, 3)


def test_limit_of_open_logs_is_per_store(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, other_store: CreatedStore
) -> None:
    # Numbers of logs are shared by all stores, so a gap between two of one store does not mean that it has that many.
    with changed_application(settings, database, servers, max_open_logs_per_store=4, queue_window=1) as app:
        client = app.test_client()
        answers = []
        for _ in range(5):
            answers.append(post(client, store.token, "orders", ORDERS).status_code)
            assert [post(client, other_store.token, "orders", []).status_code for _ in range(3)] == [200] * 3
    assert answers == [202, 202, 202, 202, 429]


def test_full_store_still_answers_replays_and_empty_batches(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, other_store: CreatedStore
) -> None:
    with changed_application(settings, database, servers, max_open_logs_per_store=1) as app:
        client = app.test_client()
        first = post(client, store.token, "orders", ORDERS, KEY)
        assert id_of(post(client, store.token, "orders", ORDERS, KEY)) == id_of(first)
        assert post(client, store.token, "orders", []).status_code == 200
        assert post(client, other_store.token, "orders", ORDERS).status_code == 202


def test_ended_log_makes_room_for_another(
    settings: Settings, database: Database, servers: Servers, store: CreatedStore, runtime: Runtime
) -> None:
    with changed_application(settings, database, servers, max_open_logs_per_store=1) as app:
        first = post(app.test_client(), store.token, "orders", ORDERS)
        assert post(app.test_client(), store.token, "orders", ORDERS).status_code == 429
        process(runtime, store.store_id, id_of(first))
        assert post(app.test_client(), store.token, "orders", ORDERS).status_code == 202


def test_rate_limited_store_gets_retry_after(
    settings: Settings,
    database: Database,
    servers: Servers,
    store: CreatedStore,
    other_store: CreatedStore,
    redis: Redis,
) -> None:
    with changed_application(settings, database, servers, rate_limit_per_minute=5) as app:
        client = app.test_client()
        answers = [client.get("/api/sync/status", headers=bearer(store.token)) for _ in range(30)]
        assert client.get("/api/sync/status", headers=bearer(other_store.token)).status_code == 200
    limited = [answer for answer in answers if answer.status_code == 429]
    assert len(limited) >= 20 and answers[0].status_code == 200  # the minute may turn once
    assert 1 <= int(limited[0].headers["Retry-After"]) <= 60


def test_batch_is_accepted_without_redis(
    settings: Settings, database: Database, store: CreatedStore, root_conn: Connection
) -> None:
    with application(settings, database.url, "redis://127.0.0.1:1/0") as app:
        assert post(app.test_client(), store.token, "orders", ORDERS).status_code == 202
    assert logs_of(root_conn, store) == 1


def test_window_admits_the_oldest_eight_logs(runtime: Runtime, store_id: UUID, redis: Redis) -> None:
    logs = [accept_batch(runtime, store_id, "orders", ORDERS) for _ in range(20)]
    assert waiting_logs(redis) == logs[:8]


def test_ended_log_admits_the_next_one(runtime: Runtime, store_id: UUID, redis: Redis) -> None:
    logs = [accept_batch(runtime, store_id, "orders", ORDERS) for _ in range(10)]
    process(runtime, store_id, logs[0])
    assert waiting_logs(redis) == logs[:9]
    process(runtime, store_id, logs[1])
    assert waiting_logs(redis) == logs


def test_flood_of_one_store_leaves_others_alone(
    runtime: Runtime, store_id: UUID, other_store: CreatedStore, redis: Redis
) -> None:
    for _ in range(12):
        accept_batch(runtime, store_id, "orders", ORDERS)
    theirs = accept_batch(runtime, other_store.store_id, "customers", [make_customer()])
    assert waiting_logs(redis)[-1] == theirs
    assert len(waiting_logs(redis)) == 9


PLANS = [
    "",
    "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_material=off -c enable_indexscan=off -c enable_bitmapscan=off",
]


@pytest.mark.parametrize("options", PLANS, ids=["planned freely", "nested loops"])
def test_no_query_plan_admits_more_than_the_window(
    runtime: Runtime, store_id: UUID, database: Database, root_conn: Connection, options: str
) -> None:
    for _ in range(30):
        accept_batch(runtime, store_id, "orders", ORDERS)
    root_conn.execute("UPDATE sync_logs SET enqueued_at = NULL WHERE store_id = %s", (store_id,))
    with psycopg.connect(database.url, autocommit=True, options=options) as conn:
        with tenant(conn, store_id):
            admitted = admit_next(conn, store_id, 3)
        assert len({ticket.log_id for ticket in admitted}) == len(admitted) == 3
        of_store = [ticket for ticket in admit_waiting(conn, 5) if ticket.store_id == store_id]
        assert len(of_store) == 2
