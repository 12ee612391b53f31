"""Erased data is gone: a store from tables, Redis and files; a customer from rows and from what waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask.testing import FlaskClient
from msgspec import structs
from psycopg import Connection, sql
from redis import Redis
from werkzeug.test import TestResponse

from app.usecases.stores import CreatedStore, create_store
from db.core.tenancy import tenant
from schemas.base.strict_json import loads
from schemas.plugin.entities import ENTITIES, load_record
from schemas.records.shop import Customer, Order
from tests.conftest import Database, Servers
from tests.support.factories import MAKERS, make_customer, make_order, make_refund
from tests.support.outbound import make_erp_product, put_products
from tests.support.pipeline import accept_batch, bearer, read_log, sync
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.inbound.payload import unpack
from workers.inbound.process import Outcome, process
from workers.privacy.erasure import Person, clean_page, erase_customer
from workers.pulls.page_codec import FetchedPage, decode_page, encode_page
from workers.pulls.start import Wanted, start_pull

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
Command = Callable[..., tuple[int, str]]
CANARY = "Zimtstern4417"
KEPT = "Mohnzopf8823"  # the other store's, which must be found, or the search proves nothing
TENANT_TABLES = """SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'store_id'
                    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped"""
NAMES = {
    "orders": ("payment_method", "coupon_used", "number", "cancel_reason", "channel", "ship_region"),
    "products": ("name", "sku", "category_name"),
    "customers": ("display_name",),
    "categories": ("name",),
}


FILLED = {
    *(
        "orders",
        "order_items",
        "order_coupons",
        "order_refunds",
        "order_refund_items",
        "order_findings",
        "products",
        "customers",
        "categories",
        "entity_stats",
        "sync_logs",
        "sync_payloads",
    ),
    *("sync_record_errors", "pull_runs", "stale_arrivals", "sync_metadata", "schedules", "api_tokens"),
    *("erp_products", "wc_sync_items"),
}
# Rows that no batch writes, with the word in every text.
MORE = (
    """INSERT INTO sync_metadata (store_id, sync_type, rest_page) VALUES (%(store)s, 'orders', convert_to(%(word)s, 'UTF8'))""",
    """INSERT INTO stale_arrivals (store_id, entity, external_id, log_id, offered_version)
       SELECT store_id, 'orders', 1, id, now() FROM sync_logs WHERE store_id = %(store)s LIMIT 1""",
    """INSERT INTO schedules (store_id, entity, mode, every_seconds, next_run_at)
       VALUES (%(store)s, 'orders', 'full', 60, now() + interval '1 day')""",
    """INSERT INTO pull_runs (store_id, log_id, windows, options, cursor)
       SELECT store_id, id, '[]', '{}', %(word)s FROM sync_logs WHERE store_id = %(store)s LIMIT 1""",
    """INSERT INTO order_findings (store_id, order_id, position, kind, stated, computed, difference)
       SELECT store_id, id, 0, %(word)s, 1, 0, 1 FROM orders WHERE store_id = %(store)s LIMIT 1""",
    """INSERT INTO sync_record_errors (store_id, log_id, record_index, field, code, reason)
       SELECT store_id, id, 0, %(word)s, 'required', 'is missing' FROM sync_logs WHERE store_id = %(store)s LIMIT 1""",
)


def tenant_tables(root_conn: Connection) -> list[str]:
    return sorted(row[0] for row in root_conn.execute(TENANT_TABLES).fetchall())


def rows_of(root_conn: Connection, store_id: UUID) -> dict[str, int]:
    """The number of the store's rows by table, for every table of tenants in the catalogue."""
    counts: dict[str, int] = {}
    for table in tenant_tables(root_conn):
        count = sql.SQL("SELECT count(*) FROM {} WHERE store_id = %s").format(sql.Identifier(table))
        row = root_conn.execute(count, (store_id,)).fetchone()
        assert row is not None
        counts[table] = row[0]
    return counts


def fill(runtime: Runtime, store_id: UUID, word: str) -> bytes:
    """Records with the word in every name, some applied, one batch still waiting. Returns the stored batch."""
    for entity, fields in NAMES.items():
        records = [MAKERS[entity](**dict.fromkeys(fields, f"{word} {n}")) for n in range(40)]
        sync(runtime, store_id, entity, records)
    put_products(runtime, store_id, [make_erp_product(name=word, sku=word)])
    log_id = accept_batch(runtime, store_id, "customers", [MAKERS["customers"](display_name=f"{word} waits")])
    with runtime.pool.connection() as conn, conn.transaction():
        conn.execute("SELECT set_config('app.store_id', %s, true)", (str(store_id),))
        row = conn.execute("SELECT body FROM sync_payloads WHERE log_id = %s", (log_id,)).fetchone()
    assert row is not None
    return bytes(row[0])


def files_with(root: Path, *needles: bytes) -> set[str]:
    """Names of files that contain any of these bytes."""
    found = set()
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found |= {path.name for needle in needles if needle in data}
    return found


def everything_in(redis: Redis) -> bytes:
    dumps = [redis.dump(key) for key in redis.scan_iter("*")]
    return b"".join(dump for dump in dumps if isinstance(dump, bytes))


@pytest.mark.slow
def test_deleted_store_leaves_no_byte_after_scrubbing(
    runtime: Runtime,
    conn: Connection,
    root_conn: Connection,
    redis: Redis,
    servers: Servers,
    database: Database,
    command_line: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = create_store(conn, f"{CANARY} GmbH", "woocommerce", f"https://{CANARY.lower()}.example").store_id
    stays = create_store(conn, f"{KEPT} GmbH", "woocommerce").store_id
    waiting = fill(runtime, gone, CANARY)
    fill(runtime, stays, KEPT)
    for statement in MORE:
        root_conn.execute(statement, {"store": gone, "word": CANARY})
    root_conn.execute("ANALYZE")
    root_conn.execute("CHECKPOINT")
    needles = (CANARY.encode(), CANARY.lower().encode(), waiting[20:60])
    assert files_with(servers.root, *needles)
    before = rows_of(root_conn, stays)
    assert FILLED <= {table for table, rows in rows_of(root_conn, gone).items() if rows}
    jobs = sum(1 for _ in redis.scan_iter("rq:job:*"))

    assert command_line("stores", "delete", str(gone), "--yes", "--json")[0] == 0
    # Only the event of the deletion is left.
    assert rows_of(root_conn, gone) == dict.fromkeys(tenant_tables(root_conn), 0) | {"audit_events": 1}
    assert root_conn.execute("SELECT count(*) FROM stores WHERE id = %s", (gone,)).fetchone() == (0,)
    assert rows_of(root_conn, stays) == before
    assert not list(redis.scan_iter(f"*{gone}*")) and CANARY.encode() not in everything_in(redis)
    assert sum(1 for _ in redis.scan_iter("rq:job:*")) == jobs - 5  # its five batches, one of them still waiting

    # As on embedded servers, whose superuser the command knows by itself.
    monkeypatch.setenv("MIGRATION_DATABASE_URL", database.superuser_url)
    code, said = command_line("stores", "scrub")
    assert (code, said) == (0, "no deleted data is left in the database's files\n")
    assert files_with(servers.root, *needles) == set()
    assert files_with(servers.root, KEPT.encode())


NAME = "Berta Nussecke"
FAIL = """UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL', error_message = 'it went wrong',
          finished_at = now() WHERE id = ANY (%s)"""


@pytest.fixture
def shop(conn: Connection) -> CreatedStore:
    """A store whose token may erase."""
    return create_store(conn, "Test shop", "woocommerce", role="admin")


def erase(client: FlaskClient, shop: CreatedStore, customer: object = 42) -> TestResponse:
    return client.delete(f"/api/sync/customers/{customer}", headers=bearer(shop.token))


def berta(**overrides: Any) -> dict[str, Any]:
    return make_customer(wc_customer_id=42, email="berta@nuss.example", display_name=NAME) | overrides


def orders_of(root_conn: Connection, store_id: UUID) -> dict[int, tuple[Any, ...]]:
    query = "SELECT external_id, customer_external_id, customer_id IS NOT NULL FROM orders WHERE store_id = %s"
    return {row[0]: row[1:] for row in root_conn.execute(query, (store_id,)).fetchall()}


def customers_of(root_conn: Connection, store_id: UUID) -> dict[int, str]:
    query = "SELECT external_id, display_name FROM customers WHERE store_id = %s"
    return {row[0]: row[1] for row in root_conn.execute(query, (store_id,)).fetchall()}


def status_count(client: FlaskClient, shop: CreatedStore) -> int:
    answer = client.get("/api/sync/status", headers=bearer(shop.token)).json or {}
    return int(answer["data"]["customers"]["count"])


def test_erased_customer_is_gone_and_their_orders_stay(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    store_id = shop.store_id
    sync(runtime, store_id, "customers", [berta(), make_customer(wc_customer_id=43), berta(total_spent="x")])
    order = make_order(wc_order_id=1, customer_id=42)
    sync(runtime, store_id, "orders", [order, make_order(wc_order_id=2, customer_id=43)])
    sync(runtime, store_id, "orders", [make_order(wc_order_id=3, customer_id=44)])  # a customer never seen
    answer = erase(client, shop)
    assert (answer.status_code, answer.data) == (204, b"")
    assert customers_of(root_conn, store_id) == {43: "John D."}
    assert orders_of(root_conn, store_id) == {1: (None, False), 2: (43, True), 3: (44, False)}
    assert status_count(client, shop) == 1
    skipped = "SELECT count(*) FROM sync_record_errors WHERE store_id = %s AND external_id = '42'"
    assert root_conn.execute(skipped, (store_id,)).fetchone() == (0,)
    assert erase(client, shop, 44).status_code == 204
    assert orders_of(root_conn, store_id)[3] == (None, False)
    # The same order sent again is unchanged, and does not restore the customer.
    assert sync(runtime, store_id, "orders", [order]).unchanged == 1
    assert orders_of(root_conn, store_id)[1] == (None, False)


def test_reasons_of_an_erased_customers_orders_are_gone(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    told = {"cancel_reason": "Berta moved", "refunds": [make_refund(reason="Berta is ill")]}
    orders = [make_order(wc_order_id=1, customer_id=42, **told), make_order(wc_order_id=2, customer_id=43, **told)]
    sync(runtime, shop.store_id, "orders", orders)
    waiting = accept_batch(runtime, shop.store_id, "orders", [make_order(wc_order_id=3, customer_id=42, **told)])
    assert erase(client, shop).status_code == 204
    assert process(runtime, shop.store_id, waiting) is Outcome.COMPLETED
    query = """SELECT o.external_id, o.cancel_reason, r.reason, r.amount FROM orders o JOIN order_refunds r ON r.order_id = o.id
                WHERE o.store_id = %s ORDER BY 1"""
    found = root_conn.execute(query, (shop.store_id,)).fetchall()
    assert found == [(1, None, None, 25), (2, "Berta moved", "Berta is ill", 25), (3, None, None, 25)]


def test_reasons_of_refunds_that_come_apart_are_gone(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    def refund(number: int, order: int) -> dict[str, Any]:
        return MAKERS["refunds"](wc_refund_id=number, wc_order_id=order, reason="Berta is ill", status="completed")

    sync(runtime, shop.store_id, "orders", [make_order(wc_order_id=key, customer_id=41 + key) for key in (1, 2)])
    sync(runtime, shop.store_id, "refunds", [refund(11, 1), refund(12, 2), refund(13, 3)])
    late = accept_batch(runtime, shop.store_id, "refunds", [refund(21, 1), refund(22, 2), refund(23, 3)])
    waiting = accept_batch(runtime, shop.store_id, "orders", [make_order(wc_order_id=3, customer_id=42)])
    assert erase(client, shop).status_code == 204
    for log_id in (late, waiting):
        assert process(runtime, shop.store_id, log_id) is Outcome.COMPLETED
    query = "SELECT external_id FROM refunds WHERE store_id = %s AND reason IS NOT NULL ORDER BY 1"
    assert root_conn.execute(query, (shop.store_id,)).fetchall() == [(12,), (22,)]


def test_erasing_again_finds_nothing(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    sync(runtime, shop.store_id, "customers", [berta(), make_customer(wc_customer_id=43)])
    assert [erase(client, shop).status_code for _ in range(3)] == [204, 404, 404]
    assert customers_of(root_conn, shop.store_id) == {43: "John D."}
    assert status_count(client, shop) == 1


def test_waiting_batches_do_not_restore_a_customer(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    store_id = shop.store_id
    batches = {
        "customers": [
            make_customer(wc_customer_id=43),
            berta(wc_customer_id="0042"),
            make_customer(wc_customer_id=142),
        ],
        "orders": [
            make_order(wc_order_id=1, customer_id=42, total="12.340"),
            make_order(wc_order_id=42, customer_id=43),
        ],
    }
    logs = [accept_batch(runtime, store_id, entity, records) for entity, records in batches.items()]
    failed = [accept_batch(runtime, store_id, "customers", [berta()])]
    root_conn.execute(FAIL, (failed,))
    assert erase(client, shop).status_code == 204
    kept = root_conn.execute("SELECT body FROM sync_payloads WHERE store_id = %s", (store_id,)).fetchall()
    assert len(kept) == 3 and not any(NAME.encode() in unpack(row[0]) for row in kept)
    answer = client.post(f"/api/sync/jobs/{failed[0]}/retry", headers=bearer(shop.token))
    assert answer.status_code == 202
    for log_id in logs + failed:
        assert process(runtime, store_id, log_id) is Outcome.COMPLETED
    assert set(customers_of(root_conn, store_id)) == {43, 142}
    assert orders_of(root_conn, store_id) == {1: (None, False), 42: (43, True)}
    total = "SELECT total::text FROM orders WHERE store_id = %s AND external_id = 1"
    assert root_conn.execute(total, (store_id,)).fetchone() == ("12.340000",)
    (error,) = errors_of(client, shop, logs[0])
    assert (error["index"], error["id"], error["code"], error["reason"]) == (1, None, "erased", "was erased on request")


def errors_of(client: FlaskClient, shop: CreatedStore, log_id: UUID) -> list[dict[str, Any]]:
    answer = client.get(f"/api/sync/jobs/{log_id}/errors", headers=bearer(shop.token)).json or {}
    found: list[dict[str, Any]] = answer["data"]["errors"]
    return found


def test_batch_being_applied_is_erased_afterwards(
    runtime: Runtime, shop: CreatedStore, root_conn: Connection, database: Database
) -> None:
    log_id = accept_batch(runtime, shop.store_id, "customers", [berta()])
    answers: list[bool] = []
    with psycopg.connect(database.superuser_url) as hand:
        # Locks what the worker needs after it has locked its log.
        hand.execute("SELECT pg_advisory_xact_lock(hashtextextended('customers' || %s, 0))", (str(shop.store_id),))
        worker = threading.Thread(target=process, args=(runtime, shop.store_id, log_id))
        worker.start()
        wait_until(lambda: waiters(root_conn) == 1, what="the worker to hold its log")
        eraser = threading.Thread(target=lambda: answers.append(erase_customer(runtime.pool, shop.store_id, 42)))
        eraser.start()
        wait_until(lambda: waiters(root_conn) == 2, what="the erasure to wait for the worker")
    worker.join()
    eraser.join()
    assert answers == [True]
    assert read_log(runtime, shop.store_id, log_id).status == "completed"
    assert customers_of(root_conn, shop.store_id) == {}


def waiters(root_conn: Connection) -> int:
    row = root_conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    ).fetchone()
    return int(row[0]) if row else 0


def test_records_accepted_after_the_erasure_stay(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, root_conn: Connection
) -> None:
    sync(runtime, shop.store_id, "customers", [berta()])
    assert erase(client, shop).status_code == 204
    sync(runtime, shop.store_id, "orders", [make_order(wc_order_id=9, customer_id=42)])
    assert orders_of(root_conn, shop.store_id) == {9: (42, False)}
    sync(runtime, shop.store_id, "customers", [berta(display_name="B. N.")])
    assert customers_of(root_conn, shop.store_id) == {42: "B. N."}
    assert orders_of(root_conn, shop.store_id) == {9: (42, True)}
    assert status_count(client, shop) == 1


def test_customer_of_another_store_is_unknown(
    client: FlaskClient, runtime: Runtime, shop: CreatedStore, other_store: CreatedStore, root_conn: Connection
) -> None:
    theirs = other_store.store_id
    sync(runtime, theirs, "customers", [berta()])
    sync(runtime, theirs, "orders", [make_order(wc_order_id=1, customer_id=42)])
    waiting = accept_batch(runtime, theirs, "customers", [berta(display_name="B. N.")])
    assert erase(client, shop).status_code == 404
    assert customers_of(root_conn, theirs) == {42: NAME}
    assert orders_of(root_conn, theirs) == {1: (42, True)}
    process(runtime, theirs, waiting)
    assert customers_of(root_conn, theirs) == {42: "B. N."}


@pytest.mark.parametrize("customer", ["0", "-1", "x", "9" * 30, "4%2F2", "42%00"])
def test_invalid_customer_id_is_refused(client: FlaskClient, shop: CreatedStore, customer: str) -> None:
    assert erase(client, shop, customer).status_code in (400, 404)


def test_only_an_admin_may_erase(client: FlaskClient, runtime: Runtime, store: CreatedStore) -> None:
    sync(runtime, store.store_id, "customers", [berta()])
    assert erase(client, store).status_code == 403
    assert client.delete("/api/sync/customers/42").status_code == 401


def test_stored_pages_of_pulls_lose_the_customer(
    client: FlaskClient, runtime: Runtime, conn: Connection, root_conn: Connection
) -> None:
    shop = create_store(conn, "Shopify shop", "shopify", role="admin")
    log_id = start_run(runtime, shop.store_id)
    kept = encode_page(FetchedPage(7, WHEN, 3, [(0, person(42, NAME)), (2, person(43, "Carl"))], []))
    root_conn.execute("UPDATE pull_runs SET page = %s, rest_page = %s WHERE log_id = %s", (kept, kept, log_id))
    root_conn.execute(
        "INSERT INTO sync_metadata (store_id, sync_type, rest_page) VALUES (%s, 'customers', %s)", (shop.store_id, kept)
    )
    assert erase(client, shop).status_code == 204
    row = root_conn.execute("SELECT page, rest_page, epoch FROM pull_runs WHERE log_id = %s", (log_id,)).fetchone()
    rest = root_conn.execute("SELECT rest_page FROM sync_metadata WHERE store_id = %s", (shop.store_id,)).fetchone()
    assert row is not None and rest is not None
    assert row[2] == 1  # a worker with the page in memory finds another epoch, and stops
    for body in (row[0], row[1], rest[0]):
        page = decode_page("customers", body)
        assert [record.display_name for _, record in page.records] == ["Carl"]
        assert [(error.record_index, error.external_id, error.code) for error in page.errors] == [(0, None, "erased")]
        assert page.received == 3


def test_a_page_alone_loses_the_customer_and_other_pages_stay(
    client: FlaskClient, runtime: Runtime, conn: Connection, root_conn: Connection
) -> None:
    shops = [create_store(conn, f"Shop {number}", "shopify", role="admin") for number in range(2)]
    for shop, names in zip(shops, ([(42, NAME), (43, "Carl")], [(43, "Carl")]), strict=True):
        page = encode_page(FetchedPage(7, WHEN, 3, list(enumerate(person(*name) for name in names)), []))
        log_id = start_run(runtime, shop.store_id)
        root_conn.execute("UPDATE pull_runs SET page = %s WHERE log_id = %s", (page, log_id))
    assert [erase(client, shop).status_code for shop in shops] == [204, 404]
    for shop in shops:
        query = "SELECT page, rest_page FROM pull_runs WHERE store_id = %s"
        (body, rest) = root_conn.execute(query, (shop.store_id,)).fetchone() or (b"", b"")
        assert [one.display_name for _, one in decode_page("customers", body).records] == ["Carl"] and rest is None


def start_run(runtime: Runtime, store_id: UUID) -> UUID:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return start_pull(conn, store_id, "shopify", Wanted("customers", "incremental"), "test").log_id


def person(number: int, name: str) -> Customer:
    return Customer(number, "0" * 64, name, None, None, None, None, None)


def test_pulled_order_loses_only_its_customer_and_reasons() -> None:
    order = load_record(ENTITIES["orders"], loads(json.dumps(make_order(customer_id=42, cancel_reason="x")).encode()))
    assert isinstance(order, Order) and order.customer_external_id == 42
    cleaned = clean_page("orders", FetchedPage(7, WHEN, 1, [(0, order)], []), Person(42))
    refunds = tuple(structs.replace(refund, reason=None) for refund in order.refunds)
    wanted = structs.replace(order, customer_external_id=None, cancel_reason=None, refunds=refunds)
    assert cleaned.records == [(0, wanted)] and order.refunds[0].reason is not None
