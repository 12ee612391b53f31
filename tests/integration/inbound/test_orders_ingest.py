"""Specification 1, requirement by requirement: orders in by HTTP, rows out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from app.usecases.stores import CreatedStore
from tests.support.factories import make_item, make_order
from tests.support.pipeline import accept_batch, bearer, post, read_log, sync
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process


def stored_order(root_conn: Connection, store_id: UUID, key: int = 1001) -> tuple[Any, ...]:
    row = root_conn.execute(
        """SELECT status, total, coupon_used, currency, customer_external_id FROM orders
            WHERE store_id = %s AND external_id = %s""",
        (store_id, key),
    ).fetchone()
    assert row is not None
    return row


def names_of_items(root_conn: Connection, store_id: UUID) -> list[str]:
    query = "SELECT product_name FROM order_items WHERE store_id = %s ORDER BY order_id, position"
    return [row[0] for row in root_conn.execute(query, (store_id,))]


def test_posted_order_becomes_a_row(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    answer = post(client, store.token, "orders", [make_order()])
    assert answer.status_code == 202
    assert process(runtime, store.store_id, UUID(answer.json["data"]["jobId"])) is Outcome.COMPLETED  # type: ignore[index]
    wanted = ("completed", Decimal("99.99"), "", "USD", 42)
    assert stored_order(root_conn, store.store_id) == wanted


def test_receipt_has_the_url_of_the_log(client: FlaskClient, store: CreatedStore) -> None:
    answer = post(client, store.token, "orders", [make_order()] * 3)
    data = (answer.json or {})["data"]
    assert data["syncLogId"] == data["jobId"]
    assert (data["status"], data["receivedCount"], data["pollAfterSeconds"]) == ("running", 3, 1)
    assert answer.headers["Location"] == data["statusUrl"] == f"/api/sync/jobs/{data['jobId']}"
    assert answer.headers["Retry-After"] == "1"
    assert client.get(data["statusUrl"], headers=bearer(store.token)).status_code == 200


def test_order_sent_again_updates_its_row(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    log = sync(runtime, store_id, "orders", [make_order(status="refunded")])
    assert (log.inserted, log.updated) == (0, 1)
    assert stored_order(root_conn, store_id)[0] == "refunded"


def test_orders_sent_again_make_no_duplicates(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    orders = [make_order(wc_order_id=key) for key in range(1, 21)]
    first, second = (sync(runtime, store_id, "orders", orders) for _ in range(2))
    assert (first.inserted, second.unchanged) == (20, 20)
    assert len(names_of_items(root_conn, store_id)) == 20


def test_items_are_replaced_as_a_whole(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(items=[make_item(product_name=name) for name in "abc"])])
    sync(runtime, store_id, "orders", [make_order(items=[make_item(product_name=name) for name in "cd"])])
    assert names_of_items(root_conn, store_id) == ["c", "d"]


@pytest.mark.parametrize("items", [[], None])
def test_order_without_items_loses_its_items(
    runtime: Runtime, store_id: UUID, root_conn: Connection, items: list[Any] | None
) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    sync(runtime, store_id, "orders", [make_order(items=items)])
    assert names_of_items(root_conn, store_id) == []


def test_items_of_other_orders_stay(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    both = [make_order(wc_order_id=key, items=[make_item(product_name=f"of {key}")]) for key in (1, 2)]
    sync(runtime, store_id, "orders", both)
    sync(runtime, store_id, "orders", [make_order(wc_order_id=1, items=[])])
    assert names_of_items(root_conn, store_id) == ["of 2"]


def test_missing_optional_field_becomes_null(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(coupon_used="SAVE")])
    shorter = make_order(total=1)
    for name in ("coupon_used", "currency", "customer_id"):
        del shorter[name]
    sync(runtime, store_id, "orders", [shorter])
    assert stored_order(root_conn, store_id) == ("completed", Decimal(1), None, None, None)


def test_log_is_running_then_completed(runtime: Runtime, store_id: UUID) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    before = read_log(runtime, store_id, log_id)
    assert (before.status, before.phase, before.started_at) == ("running", "queued", None)
    process(runtime, store_id, log_id)
    after = read_log(runtime, store_id, log_id)
    assert (after.status, after.phase, after.records_synced, after.attempts) == ("completed", None, 1, 1)
    assert after.started_at and after.finished_at and after.started_at <= after.finished_at
    assert (after.error_code, after.error_message) == (None, None)


def test_store_has_the_time_of_its_last_sync(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    def last_sync() -> Any:
        return root_conn.execute("SELECT last_sync_at FROM stores WHERE id = %s", (store_id,)).fetchone()

    assert last_sync() == (None,)
    sync(runtime, store_id, "orders", [make_order()])
    first = last_sync()[0]
    sync(runtime, store_id, "orders", [make_order()])
    assert first is not None and last_sync()[0] > first


@pytest.mark.parametrize("field", ["wc_order_id", "date_created", "status", "total"])
def test_only_the_order_without_a_required_field_is_skipped(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, field: str
) -> None:
    bad = {name: value for name, value in make_order(wc_order_id=2).items() if name != field}
    orders = [make_order(wc_order_id=1), bad, make_order(wc_order_id=3)]
    log = sync(runtime, store.store_id, "orders", orders)
    assert (log.status, log.records_synced, log.records_skipped) == ("completed", 2, 1)
    answer = client.get(f"/api/sync/jobs/{log.id}", headers=bearer(store.token))
    told = {"index": 1, "id": None if field == "wc_order_id" else "2", "field": field}
    assert (answer.json or {})["data"]["errors"] == [{**told, "code": "required", "reason": "is missing or empty"}]


def test_empty_list_of_orders_is_answered_at_once(client: FlaskClient, store: CreatedStore) -> None:
    answer = post(client, store.token, "orders", [])
    data = (answer.json or {})["data"]
    assert (answer.status_code, data["syncedCount"], data["skippedCount"]) == (200, 0, 0)
    log = client.get(f"/api/sync/jobs/{data['syncLogId']}", headers=bearer(store.token)).json or {}
    assert (log["data"]["status"], log["data"]["receivedCount"]) == ("completed", 0)


@pytest.mark.parametrize("body", [{"orders": {}}, {"orders": "x"}, {"orders": None}, {}, [], [make_order()]])
def test_orders_must_be_an_array(client: FlaskClient, store: CreatedStore, body: Any) -> None:
    answer = client.post("/api/sync/orders", json=body, headers=bearer(store.token))
    error = {"code": "VALIDATION_ERROR", "message": "orders must be an array"}
    assert (answer.status_code, answer.json) == (400, {"success": False, "error": error})


def test_order_with_only_required_fields_is_stored(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    order = {"wc_order_id": 7, "date_created": "2026-01-15", "status": "pending", "total": "0"}
    assert sync(runtime, store_id, "orders", [order]).inserted == 1
    assert stored_order(root_conn, store_id, 7) == ("pending", Decimal(0), None, None, None)


def test_payload_is_deleted_once_applied(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log = sync(runtime, store_id, "orders", [make_order()])
    kept = root_conn.execute("SELECT count(*) FROM sync_payloads WHERE log_id = %s", (log.id,)).fetchone()
    assert kept == (0,)


def test_failure_rolls_everything_back(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    log_id = accept_batch(runtime, store_id, "orders", [make_order(status="refunded"), make_order(wc_order_id=2)])
    root_conn.execute("ALTER TABLE entity_stats RENAME TO hidden_stats")
    try:
        assert process(runtime, store_id, log_id) is Outcome.FAILED
    finally:
        root_conn.execute("ALTER TABLE hidden_stats RENAME TO entity_stats")
    assert stored_order(root_conn, store_id)[0] == "completed"
    assert root_conn.execute("SELECT count(*) FROM orders WHERE store_id = %s", (store_id,)).fetchone() == (1,)
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.error_code, log.records_synced) == ("failed", "INTERNAL", 0)
