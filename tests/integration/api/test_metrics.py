"""/metrics: who may read it, and that what it tells is what happened, whatever is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from psycopg import Connection
from redis import Redis

from app.metrics.facts import FactsCollector
from app.settings.environment import Settings
from app.usecases.stores import CreatedStore
from tests.conftest import Database, Servers
from tests.integration.processes.test_alerts import add_log
from tests.support.application import application
from tests.support.factories import make_order
from tests.support.outbound import make_erp_product, put_products
from tests.support.pipeline import accept_batch, bearer, post, sync
from workers.core.queues import connect
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher, tick_safely

TOKEN = "a token for metrics that is long enough"
Labels = dict[str, str]


@pytest.fixture(scope="module")
def guarded(settings: Settings, database: Database, servers: Servers) -> Iterator[FlaskClient]:
    """The application with METRICS_TOKEN set."""
    with application(replace(settings, metrics_token=TOKEN), database.url, servers.redis.url) as app:
        yield app.test_client()


def samples(client: FlaskClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(client: FlaskClient, name: str, **labels: str) -> float:
    return samples(client).get((name, frozenset(labels.items())), 0.0)


STRAIGHT = {"REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, 200),
        ({"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8000"}, 200),
        ({"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_HOST": "localhost"}, 200),
        ({"REMOTE_ADDR": "10.0.0.7"}, 403),
        ({"REMOTE_ADDR": ""}, 403),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, 403),
        ({"HTTP_X_REAL_IP": "203.0.113.9"}, 403),
        ({"HTTP_FORWARDED": "for=127.0.0.1"}, 403),
        ({"HTTP_VIA": "1.1 proxy"}, 403),
        ({"HTTP_X_FORWARDED_PROTO": "https"}, 403),
        ({"HTTP_X_FORWARDED_HOST": "shop.example"}, 403),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, 403),
        ({"HTTP_HOST": "sluice.example"}, 403),
        ({"HTTP_HOST": "127.0.0.1.example"}, 403),
        ({"HTTP_HOST": "[::1"}, 403),
        ({"HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "10.0.0.7"}, 403),
    ],
)
def test_without_token_only_this_machine_reads_metrics(
    client: FlaskClient, environ: dict[str, str], status: int
) -> None:
    assert client.get("/metrics", environ_overrides=STRAIGHT | environ).status_code == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN} ", 200),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        (None, 401),
    ],
)
def test_metrics_token_is_asked_of_everybody(guarded: FlaskClient, header: str | None, status: int) -> None:
    for address in ("127.0.0.1", "10.0.0.7"):
        headers = {"Authorization": header} if header else {}
        answer = guarded.get("/metrics", headers=headers, environ_overrides=STRAIGHT | {"REMOTE_ADDR": address})
        assert answer.status_code == status


def test_token_of_a_store_reads_no_metrics(guarded: FlaskClient, store: CreatedStore) -> None:
    assert guarded.get("/metrics", headers=bearer(store.token)).status_code == 401


def test_openmetrics_is_answered_where_accepted(client: FlaskClient) -> None:
    plain, open_metrics = (
        client.get("/metrics"),
        client.get("/metrics", headers={"Accept": "application/openmetrics-text"}),
    )
    assert plain.content_type.startswith("text/plain")
    assert open_metrics.content_type.startswith("application/openmetrics-text")
    assert open_metrics.text.endswith("# EOF\n")


def test_requests_and_refusals_count_by_route_and_code(client: FlaskClient, store: CreatedStore) -> None:
    def counted() -> list[float]:
        route = "/api/sync/<entity>"
        wanted: list[tuple[str, Labels]] = [
            ("sluice_http_requests_total", {"method": "POST", "route": route, "status": "202"}),
            ("sluice_http_request_seconds_count", {"route": route}),
            ("sluice_http_refusals_total", {"route": route, "code": "VALIDATION_ERROR"}),
            ("sluice_http_refusals_total", {"route": "(none)", "code": "NOT_FOUND"}),
            ("sluice_http_refusals_total", {"route": "/api/sync/jobs/<log_id>", "code": "UNAUTHORIZED"}),
            ("sluice_http_refusals_total", {"route": "/console/stores", "code": "UNAUTHORIZED"}),
            ("sluice_records_received_total", {"entity": "orders"}),
        ]
        found = samples(client)
        return [found.get((name, frozenset(labels.items())), 0.0) for name, labels in wanted]

    before = counted()
    post(client, store.token, "orders", [make_order(), {}])
    post(client, store.token, "orders", "no list")
    client.get("/nowhere/at/all")
    client.get("/api/sync/jobs/7")
    client.get("/api/sync/jobs/01a1fc05-3a02-7202-b70c-5ff2ed410956")
    client.get("/console/stores")
    assert [after - had for after, had in zip(counted(), before, strict=True)] == [1, 2, 1, 2, 1, 1, 2]


def test_no_label_comes_from_a_caller(client: FlaskClient, store: CreatedStore) -> None:
    client.open("/api/sync/orders", method="BREW", headers=bearer(store.token))
    client.get("/teapot-418", headers={"X-Request-Id": "teapot-418"})
    post(client, store.token, "orders", [make_order()])
    page = client.get("/metrics").text
    assert "BREW" not in page and "teapot" not in page
    assert str(store.store_id) not in page


def test_batch_is_counted_from_acceptance_to_outcome(
    client: FlaskClient, runtime: Runtime, root_conn: Connection, store_id: UUID
) -> None:
    labels = {"entity": "orders", "source": "plugin"}
    before = samples(client)
    accept_batch(runtime, store_id, "orders", [make_order()])
    waiting = samples(client)

    def grown(name: str, **more: str) -> float:
        key = (name, frozenset((labels | more).items()))
        return samples(client).get(key, 0.0) - before.get(key, 0.0)

    assert waiting["sluice_queue_depth", frozenset({("queue", "ingest")})] == 1
    assert grown("sluice_logs", status="running") == 1
    assert waiting["sluice_logs_running", frozenset({("queue", "ingest"), ("phase", "queued")})] >= 1
    assert waiting["sluice_oldest_running_log_seconds", frozenset({("queue", "ingest")})] > 0
    order = make_order()
    sync(runtime, store_id, "orders", [order, {}])
    sync(runtime, store_id, "orders", [order])
    sync(runtime, store_id, "orders", [order], "populate")
    assert [grown("sluice_logs_ended_total", status=status) for status in ("completed", "failed")] == [3, 0]
    assert [
        grown("sluice_records_total", outcome=name) for name in ("inserted", "unchanged", "invalid", "existing")
    ] == [1, 1, 1, 1]
    assert grown("sluice_log_attempts_total") == 3


def test_totals_count_every_way_to_end_and_never_shrink(
    client: FlaskClient, root_conn: Connection, store_id: UUID
) -> None:
    def ended() -> list[float]:
        labels = {"entity": "orders", "source": "shopify"}
        return [
            value(client, "sluice_logs_ended_total", **labels, status=name)
            for name in ("completed", "failed", "cancelled")
        ]

    before = ended()
    ids = [add_log(root_conn, store_id, "running", source="shopify") for _ in range(3)]
    change = "UPDATE sync_logs SET status = %s, phase = NULL, error_code = 'X', finished_at = now() WHERE id = %s"
    for status, log_id in zip(("completed", "failed", "cancelled"), ids, strict=True):
        root_conn.execute(change, (status, log_id))
    root_conn.execute("UPDATE sync_logs SET status = 'running', phase = 'queued' WHERE id = %s", (ids[1],))
    root_conn.execute(change, ("completed", ids[1]))
    root_conn.execute("DELETE FROM sync_logs WHERE store_id = %s", (store_id,))
    assert [after - had for after, had in zip(ended(), before, strict=True)] == [2, 1, 1]


def test_outbound_items_are_counted_by_type_and_state(
    client: FlaskClient, runtime: Runtime, root_conn: Connection, store_id: UUID
) -> None:
    root_conn.execute("DELETE FROM wc_sync_items")
    put_products(runtime, store_id, [make_erp_product() for _ in range(3)])
    late = "UPDATE wc_sync_items SET due_at = now() - interval '1 s' WHERE store_id = %s AND sync_type = 'product'"
    root_conn.execute(late, (store_id,))
    assert value(client, "sluice_outbound_items", type="product", state="pending") == 3
    assert value(client, "sluice_outbound_overdue", type="product") == 3
    root_conn.execute(
        """UPDATE wc_sync_items SET status = 'completed', completed_at = now(), breach = 'platform'
            WHERE store_id = %s AND sync_type = 'product'""",
        (store_id,),
    )
    assert value(client, "sluice_outbound_items", type="product", state="pending") == 0
    assert value(client, "sluice_outbound_breaches", type="product", cause="platform") == 3
    root_conn.execute("UPDATE wc_sync_items SET completed_at = now() - interval '2 h'")
    assert value(client, "sluice_outbound_breaches", type="product", cause="platform") == 0


def test_pace_of_shops_is_shown(client: FlaskClient, root_conn: Connection, store_id: UUID) -> None:
    root_conn.execute("DELETE FROM wc_push_leases")
    root_conn.execute("INSERT INTO wc_push_leases (store_id, products_at_once) VALUES (%s, 200)", (store_id,))
    assert value(client, "sluice_outbound_shops", state="slowed") == 1
    assert value(client, "sluice_outbound_least_products_at_once") == 200
    limit = """UPDATE stores SET settings = settings || '{"pace": {"calls_at_once": 2}}' WHERE id = %s"""
    root_conn.execute(limit, (store_id,))
    assert value(client, "sluice_outbound_shops", state="full") == 1
    root_conn.execute("UPDATE wc_push_leases SET failures_in_a_row = 3")
    assert value(client, "sluice_outbound_shops", state="paused") == 1


def test_watermarks_of_scheduled_entities_are_shown(client: FlaskClient, root_conn: Connection, store_id: UUID) -> None:
    root_conn.execute("UPDATE stores SET platform = 'shopify' WHERE id = %s", (store_id,))
    mark = """INSERT INTO sync_metadata (store_id, sync_type, last_sync_time, lateness)
              VALUES (%s, 'orders', now() - interval '1 h', interval '7 s')"""
    root_conn.execute(mark, (store_id,))
    labels = {"platform": "shopify", "entity": "orders"}
    assert value(client, "sluice_watermark_age_seconds", **labels) == 0  # pulled once by hand
    root_conn.execute(
        """INSERT INTO schedules (store_id, entity, mode, every_seconds, next_run_at)
           VALUES (%s, 'orders', 'incremental', 60, now())""",
        (store_id,),
    )
    assert 3600 <= value(client, "sluice_watermark_age_seconds", **labels) < 7200
    assert value(client, "sluice_watermark_lateness_seconds", **labels) == 7
    assert value(client, "sluice_watermark_overlap_seconds", **labels) == 300


def test_dispatcher_pool_and_alerts_are_shown(
    client: FlaskClient, runtime: Runtime, settings: Settings, root_conn: Connection, store_id: UUID
) -> None:
    root_conn.execute("UPDATE dispatcher_marks SET marked_at = now() - interval '1 h'")
    assert value(client, "sluice_dispatcher_lag_seconds") >= 3600
    add_log(root_conn, store_id, "failed")
    dispatcher = Dispatcher(settings, runtime.pool, runtime.wake_up)
    tick_safely(dispatcher)
    dispatcher.stop()
    assert value(client, "sluice_dispatcher_lag_seconds") < 3600
    assert value(client, "sluice_alerts_open", kind="log_failed") >= 1
    assert value(client, "sluice_alert_notices_waiting") == 0
    assert value(client, "sluice_database_pool_connections", state="most") == settings.db_pool_size
    assert value(client, "sluice_database_connections", process="metrics", state="active") == 1


@pytest.mark.parametrize(("away", "up"), [("postgres", (0, 1)), ("redis", (1, 0)), ("both", (0, 0))])
def test_scrape_while_a_server_is_away_answers_the_rest(
    settings: Settings, database: Database, servers: Servers, redis: Redis, away: str, up: tuple[int, int]
) -> None:
    url = "postgresql://nobody@127.0.0.1:1/nothing" if away != "redis" else database.url
    with connect("redis://127.0.0.1:1/0" if away != "postgres" else servers.redis.url) as asked:
        found = {family.name: family for family in FactsCollector(url, asked).collect()}
    assert (found["sluice_postgres_up"].samples[0].value, found["sluice_redis_up"].samples[0].value) == up
    assert ("sluice_logs" in found, "sluice_queue_depth" in found) == (bool(up[0]), bool(up[1]))


BODY = "SELECT pg_get_function_sqlbody(oid) FROM pg_proc WHERE proname = %s AND pronamespace = 'public'::regnamespace"
ASKED = {
    "measure_logs": {},
    "measure_totals": {},
    "measure_watermarks": {},
    "measure_outbound": {},
    "measure_shop_pace": {},
    "measure_breaches": {"since": "'1 h'::interval"},
    "measure_alerts": {},
    "watch_failures": {"quiet": "'15 min'::interval"},
    "watch_running": {"longest": "'15 min'::interval"},
    "watch_runs": {"recent": "10"},
    "count_outbound_backlog": {},
}


@pytest.fixture(scope="module")
def crowded(database: Database) -> Iterator[Connection]:
    """100 stores with 100,000 logs and as many items, nearly all of which ended."""
    with Connection.connect(database.superuser_url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute(
            "INSERT INTO stores (id, name, platform) SELECT gen_random_uuid(), 'x', 'woocommerce' FROM generate_series(1, 100)"
        )
        conn.execute(
            """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, inserted, next_attempt_at,
                                      enqueued_at, finished_at, error_code)
               SELECT s.id, gen_random_uuid(), (ARRAY['orders', 'products'])[n % 2 + 1], 'plugin', 'upsert', k.status,
                      CASE WHEN k.status = 'running' THEN 'queued' END, 1, 1, now(), now(), now(), 'X'
                 FROM stores s, generate_series(1, 1000) n,
              LATERAL (SELECT CASE n % 100 WHEN 0 THEN 'running' WHEN 1 THEN 'failed' ELSE 'completed' END AS status) k
                WHERE s.name = 'x'"""
        )
        conn.execute(
            """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, completed_at, breach)
               SELECT s.id, gen_random_uuid(), gen_random_uuid(), 'price', 1,
                      CASE WHEN n = 1 THEN 'pending' ELSE 'completed' END, now(),
                      now() - n * interval '1 h', CASE WHEN n % 50 = 0 THEN 'queue' END
                 FROM stores s, generate_series(1, 1000) n
                WHERE s.name = 'x'"""
        )
        conn.execute("ANALYZE")
        yield conn


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_no_query_reads_a_whole_table_of_100_000_logs(crowded: Connection, name: str) -> None:
    row = crowded.execute(BODY, (name,)).fetchone()
    assert row is not None
    body = str(row[0]).removeprefix("BEGIN ATOMIC").removesuffix("END").strip().removesuffix(";")
    for parameter, given in ASKED[name].items():
        body = body.replace(f"{name}.{parameter}", given)
    plan = "\n".join(line for (line,) in crowded.execute(f"EXPLAIN {body}".encode()))
    assert "Seq Scan on sync_logs" not in plan and "Seq Scan on wc_sync_items" not in plan, plan
