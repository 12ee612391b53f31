"""The views of `analytics`: what they sum up, whose rows they show, and the examples of their document."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from app.usecases.stores import CreatedStore
from db.core.tenancy import tenant
from tests.support.factories import MAKERS, make_order, make_refund, narrow_order
from tests.support.paths import ROOT
from tests.support.pipeline import sync
from workers.core.runtime import Runtime

EXAMPLES = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs/analytics.md").read_text(encoding="utf-8"), re.M | re.S)
VIEWS = "SELECT c.relname, c.reloptions FROM pg_class c WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v'"
WHEN = "2026-01-15T22:30:00Z"

Command = Callable[..., tuple[int, str]]


def read(conn: Connection, store_id: UUID, query: str) -> list[dict[str, Any]]:
    with tenant(conn, store_id), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchall()


def line(key: int, total: str, **fields: Any) -> dict[str, Any]:
    stated = {"product_name": f"Product {key}", "quantity": 1, "subtotal": total, "total": total, "wc_product_id": key}
    return stated | {"line_id": key} | fields


def sale(key: int, total: str, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    stated = {"wc_order_id": key, "date_created": WHEN, "date_modified": WHEN, "status": "completed", "currency": "EUR"}
    return {**stated, "total": total, "amounts_include_tax": False, "items": [*lines], "refunds": [], **fields}


@pytest.fixture
def shop(runtime: Runtime, store: CreatedStore) -> UUID:
    """Two sales in EUR with refunds of both kinds, one in JPY, and orders that are no sales."""
    blue = line(501, "20.00", subtotal="25.00", quantity=2, discount_total="5.00", tax_total="3.80", variation_id=502)
    shipping = {
        "product_name": "Flat rate",
        "quantity": 1,
        "subtotal": "4.00",
        "total": "4.00",
        "kind": "shipping",
        "line_id": 9,
    }
    refund = {"refund_id": 1, "created_at": "2026-02-01T08:00:00Z", "amount": "11.90"}
    refund["items"] = [{"line_id": 501, "quantity": 1, "amount": "10.00", "tax_total": "1.90"}]
    bare = {"refund_id": 2, "created_at": "2026-02-01T22:30:00Z", "amount": "1.00"}
    orders = [
        sale(1, "28.56", blue, shipping, discount_total="5.00", shipping_total="4.00", tax_total="4.56", customer_id=42,
             refunded_total="11.90", refunds=[refund]),
        sale(2, "10.00", line(503, "10.00"), customer_id=42, refunded_total="1.00", refunds=[bare]),
        sale(3, "1500", line(503, "1500"), currency="JPY"),
        sale(4, "99.00", line(503, "99.00"), is_test=True),
        sale(5, "99.00", line(503, "99.00"), status="cancelled", financial_status="voided"),
        sale(6, "99.00", line(503, "99.00"), status="pending"),
    ]  # fmt: skip
    sync(runtime, store.store_id, "orders", orders)
    sync(runtime, store.store_id, "customers", [MAKERS["customers"](email="0" * 64)])
    sync(runtime, store.store_id, "products", [MAKERS["products"]()])
    sync(runtime, store.store_id, "categories", [MAKERS["categories"]()])
    sync(runtime, store.store_id, "variations", [MAKERS["variations"]()])
    return store.store_id


def test_a_sale_has_its_figures(conn: Connection, shop: UUID) -> None:
    rows = read(conn, shop, "SELECT * FROM analytics.sales ORDER BY external_id")
    assert [row["external_id"] for row in rows] == [1, 2, 3]
    figures = ("units", "gross", "discounts", "shipping", "fees", "tips", "tax", "total", "refunds", "net")
    wanted = [2, 25, 5, 4, 0, 0, Decimal("4.56"), Decimal("28.56"), Decimal("11.9"), Decimal("16.66")]
    assert [rows[0][name] for name in figures] == wanted


def test_currencies_are_never_summed(conn: Connection, shop: UUID) -> None:
    rows = read(conn, shop, "SELECT currency, orders, net FROM analytics.sales_daily ORDER BY currency")
    assert [tuple(row.values()) for row in rows] == [("EUR", 2, Decimal("25.66")), ("JPY", 1, 1500)]


def test_a_variation_earns_what_its_refunds_leave(conn: Connection, shop: UUID) -> None:
    (row,) = read(conn, shop, EXAMPLES[0])
    assert tuple(row.values()) == ("Blue Widget", "EUR", 1, 10)
    query = "SELECT product_external_id, currency, sold, refunded, net FROM analytics.sales_by_product ORDER BY 1, 2"
    rows = [tuple(row.values()) for row in read(conn, shop, query)]
    assert rows == [(501, "EUR", 20, 10, 10), (503, "EUR", 10, 0, 10), (503, "JPY", 1500, 0, 1500)]


def test_refunds_count_on_their_own_day(conn: Connection, shop: UUID) -> None:
    rows = read(conn, shop, "SELECT day, currency, refunds, amount FROM analytics.refunds_daily")
    assert [tuple(row.values()) for row in rows] == [(date(2026, 2, 1), "EUR", 2, Decimal("12.9"))]


def test_a_customer_is_a_hash(conn: Connection, shop: UUID) -> None:
    (row,) = read(conn, shop, "SELECT * FROM analytics.customers")
    assert (row["orders"], row["net"], row["average"]) == (2, Decimal("25.66"), Decimal("12.83"))
    assert row["email_hash"] is not None and "John" not in str(row)


def test_categories_sum_up_their_products(conn: Connection, shop: UUID) -> None:
    rows = read(conn, shop, "SELECT name, currency, units, net FROM analytics.categories ORDER BY name, currency")
    assert [tuple(row.values()) for row in rows] == [
        ("Widgets", "EUR", 2, 10),
        (None, "EUR", 1, 10),
        (None, "JPY", 1, 1500),
    ]


def test_days_are_those_of_the_shop(conn: Connection, shop: UUID, command_line: Command) -> None:
    days = "SELECT DISTINCT day FROM analytics.sales_daily"
    assert read(conn, shop, days) == [{"day": date(2026, 1, 15)}]
    code, _ = command_line("stores", "set-timezone", str(shop), "Europe/Bucharest")
    assert code == 0
    assert read(conn, shop, days) == [{"day": date(2026, 1, 16)}]
    refunds = read(conn, shop, "SELECT day, amount FROM analytics.refunds_daily ORDER BY day")
    assert [row["day"] for row in refunds] == [date(2026, 2, 1), date(2026, 2, 2)]


def test_an_unknown_zone_is_refused(shop: UUID, command_line: Command) -> None:
    code, _ = command_line("stores", "set-timezone", str(shop), "Mars/Olympus")
    assert code == 1


def test_orders_of_old_plugins_are_sales(runtime: Runtime, conn: Connection, store_id: UUID) -> None:
    sync(runtime, store_id, "orders", [narrow_order()])
    (row,) = read(conn, store_id, "SELECT * FROM analytics.sales")
    assert (row["gross"], row["total"], row["net"]) == (Decimal("44.99"), Decimal("99.99"), Decimal("99.99"))


def test_a_cancelled_order_that_was_paid_is_a_sale(runtime: Runtime, conn: Connection, store_id: UUID) -> None:
    paid = make_order(status="cancelled", financial_status="partially_refunded", refunds=[make_refund()])
    sync(runtime, store_id, "orders", [paid])
    (row,) = read(conn, store_id, "SELECT total, refunds, net FROM analytics.sales")
    assert tuple(row.values()) == (Decimal("99.99"), 25, Decimal("74.99"))


def test_refunds_may_come_before_their_order(runtime: Runtime, conn: Connection, store_id: UUID) -> None:
    given = {"wc_order_id": 1, "created_at": "2026-02-01T08:00:00Z", "status": "completed"}
    part = {"line_id": 501, "quantity": 1, "amount": "10.00"}
    refunds = [
        {**given, "wc_refund_id": 1, "amount": "10.00", "items": [part]},
        {**given, "wc_refund_id": 2, "amount": "99.00", "status": "pending"},
        {**given, "wc_refund_id": 3, "amount": "2.00"},
    ]
    sync(runtime, store_id, "refunds", refunds)
    sync(runtime, store_id, "orders", [{**sale(1, "25.00", line(501, "25.00")), "refunds": None}])
    (row,) = read(conn, store_id, "SELECT total, refunds, net FROM analytics.sales")
    assert tuple(row.values()) == (25, 12, 13)
    (product,) = read(conn, store_id, "SELECT refunded, net FROM analytics.sales_by_product")
    assert tuple(product.values()) == (10, 15)
    (day,) = read(conn, store_id, "SELECT refunds, amount FROM analytics.refunds_daily")
    assert tuple(day.values()) == (2, 12)
    # An order that brings its refunds is right.
    inside = {"refund_id": 9, "amount": "4.00", "created_at": "2026-02-01T08:00:00Z"}
    newer = {"date_modified": "2026-03-01T00:00:00Z", "refunds": [inside]}
    sync(runtime, store_id, "orders", [{**sale(1, "25.00", line(501, "25.00")), **newer}])
    (row,) = read(conn, store_id, "SELECT refunds FROM analytics.sales")
    assert row["refunds"] == 4


def test_no_view_shows_another_stores_rows(conn: Connection, shop: UUID, other_store: CreatedStore) -> None:
    views = [row[0] for row in conn.execute(VIEWS).fetchall()]
    assert len(views) == 10
    for view in views:
        assert read(conn, shop, f"SELECT * FROM analytics.{view}") != []
        assert read(conn, other_store.store_id, f"SELECT * FROM analytics.{view}") == []
        assert conn.execute(f"SELECT count(*) FROM analytics.{view}".encode()).fetchone() == (0,)


def test_every_view_reads_as_whoever_asks(root_conn: Connection) -> None:
    assert {name for name, options in root_conn.execute(VIEWS) if options != ["security_invoker=true"]} == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_documented_examples_run(conn: Connection, shop: UUID, example: str) -> None:
    read(conn, shop, example)
