"""The wide record of an order: its lines, coupons, refunds and findings are stored with it and replaced with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from psycopg import Connection
from psycopg.rows import dict_row

from app.usecases.stores import CreatedStore
from tests.support.factories import WIDE_ORDER, make_item, make_order, make_refund, narrow_order
from tests.support.pipeline import post, sync
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

ADDRESS = "canary.person@example.com"


def rows(conn: Connection, table: str, store_id: UUID) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        query = f"SELECT * FROM {table} WHERE store_id = %s ORDER BY 1, 2, 3"
        return cursor.execute(query, (store_id,)).fetchall()


def test_a_wide_order_is_stored_whole(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    (order,) = rows(root_conn, "orders", store_id)
    (item,) = rows(root_conn, "order_items", store_id)
    (coupon,) = rows(root_conn, "order_coupons", store_id)
    (refund,) = rows(root_conn, "order_refunds", store_id)
    (refunded,) = rows(root_conn, "order_refund_items", store_id)
    assert {name for name in WIDE_ORDER if order[name] is None} == {
        "cancelled_at",
        "cancel_reason",
        "amounts_include_tax",
    }
    assert (order["number"], order["presentment_total"], order["is_test"]) == ("A-1001", Decimal("92.5"), False)
    assert (item["kind"], item["line_external_id"], item["variation_external_id"]) == ("product", 7, 502)
    assert (coupon["code"], coupon["amount"]) == ("SPRING", 5)
    assert (refund["external_id"], refund["amount"], refund["reason"]) == (31, 25, "too small")
    assert (refunded["refund_position"], refunded["line_external_id"], refunded["amount"]) == (0, 7, Decimal("22.5"))


def test_refunds_are_replaced_with_their_order(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [make_order(refunds=[make_refund(), make_refund(refund_id=32, items=None)])])
    sync(runtime, store_id, "orders", [make_order(refunds=[make_refund(refund_id=33, amount=1)])])
    assert [(row["external_id"], row["amount"]) for row in rows(root_conn, "order_refunds", store_id)] == [(33, 1)]
    assert len(rows(root_conn, "order_refund_items", store_id)) == 1


def test_an_old_plugins_order_clears_what_it_does_not_say(
    runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    sync(runtime, store_id, "orders", [make_order()])
    log = sync(runtime, store_id, "orders", [narrow_order()])
    assert log.updated == 1
    (order,) = rows(root_conn, "orders", store_id)
    assert {name for name in WIDE_ORDER if order[name] is not None} == set()
    (item,) = rows(root_conn, "order_items", store_id)
    assert (item["kind"], item["line_external_id"], item["tax_total"]) == ("product", None, None)
    assert rows(root_conn, "order_coupons", store_id) == rows(root_conn, "order_refunds", store_id) == []


def test_narrow_and_wide_orders_share_a_batch(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [narrow_order(wc_order_id=1), make_order(wc_order_id=2)])
    found = {row["external_id"]: row["number"] for row in rows(root_conn, "orders", store_id)}
    assert found == {1: None, 2: "A-1001"}


def test_refunds_alone_make_an_order_wide(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    sync(runtime, store_id, "orders", [narrow_order(refunds=[make_refund()])])
    assert len(rows(root_conn, "order_refunds", store_id)) == len(rows(root_conn, "order_refund_items", store_id)) == 1


def test_an_imbalance_is_a_finding_until_it_is_corrected(
    runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    books = {
        "amounts_include_tax": False,
        "shipping_total": 5,
        "tax_total": 5,
        "discount_total": 0,
        "refunded_total": 25,
    }
    lines = [make_item(subtotal="90", total="90", discount_total=0)]
    sync(runtime, store_id, "orders", [make_order(**books, items=lines, total=101)])
    (finding,) = rows(root_conn, "order_findings", store_id)
    assert (finding["kind"], finding["stated"], finding["computed"]) == ("order_imbalance", 101, 100)
    assert finding["difference"] == 1
    (order,) = rows(root_conn, "orders", store_id)
    assert order["total"] == 101
    sync(runtime, store_id, "orders", [make_order(**books, items=lines, total=100)])
    assert rows(root_conn, "order_findings", store_id) == []


def test_no_text_of_an_order_keeps_an_address(
    client: FlaskClient, runtime: Runtime, store: CreatedStore, root_conn: Connection
) -> None:
    texts = {
        name: f"see {ADDRESS}" for name, value in WIDE_ORDER.items() if isinstance(value, str) and "_at" not in name
    }
    texts |= {"presentment_currency": "EUR", "presentment_total": "1", "cancel_reason": f"by {ADDRESS}"}
    coupons = [{"code": f"for {ADDRESS}"}]
    refunds = [make_refund(reason=f"{ADDRESS} complained")]
    answer = post(client, store.token, "orders", [make_order(**texts, coupons=coupons, refunds=refunds)])
    assert process(runtime, store.store_id, UUID((answer.json or {})["data"]["jobId"])) is Outcome.COMPLETED
    for table in ("orders", "order_items", "order_coupons", "order_refunds"):
        (row,) = rows(root_conn, table, store.store_id)
        assert ADDRESS not in str(row)
    (refund,) = rows(root_conn, "order_refunds", store.store_id)
    assert refund["reason"] == "c complained"
