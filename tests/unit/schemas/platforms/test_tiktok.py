"""TikTok Shop's payloads: their records, and the codes for what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base.error_codes import Problem
from schemas.base.privacy import email_hasher
from schemas.base.strict_json import dumps, loads
from schemas.platforms.registry import PLATFORMS
from schemas.records.shop import Order, Product
from tests.fakes.tiktok import records as tiktok_records
from tests.support.paths import FIXTURES

FOLDER = FIXTURES / "tiktok"
HASHED = email_hasher(None)
BIG = 5_764_614_130_000_000_123
Row = dict[str, Any]


def read(entity: str, payload: Any) -> Any:
    return PLATFORMS["tiktok"].payloads[entity].read(payload, HASHED)


def order(**changes: Any) -> Row:
    return {**tiktok_records.order(BIG, 1_700_000_000, 1_700_000_060), **changes}


def unit(sku: str, price: str, **changes: Any) -> Row:
    return {"id": "1", "sku_id": sku, "product_name": "Sock", "original_price": "15.00", "sale_price": price, **changes}


def test_an_order_is_read_as_tiktok_documents_it() -> None:
    payload = loads((FOLDER / "orders.json").read_bytes())["data"]["orders"][0]
    found = read("orders", payload)
    assert isinstance(found, Order)
    assert (found.external_id, found.status, found.currency) == (576461413038785752, "processing", "GBP")
    assert found.platform_status == "AWAITING_SHIPMENT"
    assert (found.total, found.subtotal, found.shipping_total) == (Decimal("28.49"), Decimal("25.5"), Decimal("2.99"))
    assert (found.discount_total, found.platform_discount_total) == (Decimal(3), Decimal("1.5"))
    assert found.tax_total == Decimal(0)
    assert found.customer_external_id == 7021436810468230477
    assert found.date_created == datetime.fromtimestamp(1717991000, UTC)
    assert found.date_modified == datetime.fromtimestamp(1717993333, UTC)


def test_units_of_one_sku_make_a_line() -> None:
    payload = loads((FOLDER / "orders.json").read_bytes())["data"]["orders"][0]
    (line,) = read("orders", payload).items
    assert (line.product_name, line.sku, line.quantity) == ("Short Boat Invisible Socks", "SOCK-RED-1", 2)
    assert (line.subtotal, line.total, line.product_external_id) == (30, Decimal("25.5"), 1729592969712207008)


def test_units_at_another_price_make_another_line() -> None:
    units = [unit("2", "9.00"), unit("1", "5.00"), unit("2", "9.00"), unit("2", "8.00")]
    lines = read("orders", order(line_items=units)).items
    assert [(line.quantity, line.total) for line in lines] == [(2, 18), (1, 5), (1, 8)]


@given(st.lists(st.tuples(st.sampled_from("123"), st.sampled_from(["5.00", "0.01", "7.10"])), max_size=30))
def test_grouping_loses_no_unit_and_no_cent(units: list[tuple[str, str]]) -> None:
    lines = read("orders", order(line_items=[unit(sku, price) for sku, price in units])).items
    assert sum(line.quantity for line in lines) == len(units)
    assert sum(line.total for line in lines) == sum(Decimal(price) for _, price in units)
    assert len(lines) == len(set(units))


def test_units_without_a_sku_are_grouped_by_name() -> None:
    units = [unit("", "5", product_name="A"), unit("", "5", product_name="B"), unit("", "5", product_name="A")]
    lines = read("orders", order(line_items=units)).items
    assert [(line.product_name, line.quantity) for line in lines] == [("A", 2), ("B", 1)]


@given(st.integers(2**53, 2**63 - 1))
def test_an_id_keeps_each_of_its_19_digits(key: int) -> None:
    payload = loads(dumps(order(id=str(key), user_id=str(key), line_items=[unit(str(key), "1", product_id=str(key))])))
    found = read("orders", payload)
    assert (found.external_id, found.customer_external_id, found.items[0].product_external_id) == (key, key, key)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": "9223372036854775808"}, Problem("id", "not_an_id")),
        ({"id": 5.764e18}, Problem("id", "not_an_id")),
        ({"id": ""}, Problem("id", "required")),
        ({"status": ""}, Problem("status", "required")),
        ({"create_time": "2026-01-01"}, Problem("create_time", "not_a_date")),
        ({"create_time": 1_700_000_000_000}, Problem("create_time", "not_a_date")),
        ({"create_time": 0}, Problem("create_time", "required")),
        ({"create_time": True}, Problem("create_time", "not_a_date")),
        ({"update_time": -1}, Problem("update_time", "not_a_date")),
        ({"payment": None}, Problem("payment", "required")),
        ({"payment": []}, Problem("payment", "not_an_object")),
        ({"payment": {"currency": "GBP"}}, Problem("payment.total_amount", "required")),
        ({"line_items": [{"sale_price": "x"}]}, Problem("line_items[0].sale_price", "not_a_number")),
    ],
)
def test_a_bad_order_gives_its_problem(changes: Row, problem: Problem) -> None:
    assert read("orders", order(**changes)) == [problem]


def test_an_unpaid_order_has_no_address_and_no_payment_method() -> None:
    found = read("orders", order(update_time=0, line_items=None, payment={"total_amount": "5000"}))
    assert (found.date_modified, found.items, found.discount_total, found.total) == (None, (), None, 5000)


def test_no_address_is_left_in_any_field() -> None:
    planted = "canary.buyer@example.com"
    units = [unit("1", "5", product_name=f"for {planted}", seller_sku=planted)]
    whole = order(buyer_email=planted, buyer_message=planted, payment_method_name=planted, line_items=units)
    item = {"id": "7", "title": f"by {planted}", "skus": [{"seller_sku": planted}]}
    assert "example.com" not in repr([read("orders", whole), read("products", item)])


def test_a_product_is_read() -> None:
    prices = ({"tax_exclusive_price": "111.01", "sale_price": "121.11"}, {"tax_exclusive_price": "99.00"})
    skus = [{"seller_sku": "R", "price": price, "inventory": [{"quantity": 4}, {"quantity": 5}]} for price in prices]
    payload = {
        "id": "1729592969712207008",
        "title": "Socks",
        "status": "ACTIVATE",
        "skus": skus,
        "update_time": 1234567800,
    }
    found = read("products", payload)
    assert isinstance(found, Product)
    assert (found.external_id, found.stock_status) == (1729592969712207008, "instock")
    assert (found.price, found.stock_quantity) == (Decimal(99), Decimal(18))
    assert (found.sku, found.type, found.status) == (None, "variable", "ACTIVATE")
    assert found.updated_at == datetime.fromtimestamp(1234567800, UTC)


def test_a_product_may_have_neither_price_nor_stock() -> None:
    found = read("products", {"id": "7", "title": "Socks", "skus": [{"seller_sku": ""}]})
    assert [found.price, found.stock_quantity, found.stock_status, found.sku] == [None] * 4
