"""The law of an order's books: real orders obey it, and a wrong unit anywhere is found."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.base.privacy import email_hasher
from schemas.platforms.registry import PLATFORMS
from schemas.plugin.entities import ORDERS, load_record
from schemas.records.balance import Finding, findings_of, smallest_unit
from schemas.records.shop import Order
from tests.support.factories import narrow_order
from tests.support.paths import FIXTURES

RECORDED = [
    json.loads(line) for line in (FIXTURES / "woocommerce/books.jsonl").read_text(encoding="utf-8").splitlines()
]
SHOPIFY = json.loads((FIXTURES / "shopify/orders.json").read_text(encoding="utf-8"))["orders"]
TIKTOK = json.loads((FIXTURES / "tiktok/orders.json").read_text(encoding="utf-8"))["data"]["orders"]
REAL = [
    *(("woocommerce", entry["order"]) for entry in RECORDED),
    *(("shopify", order) for order in SHOPIFY),
    *(("tiktok", order) for order in TIKTOK),
]


def read(platform: str, payload: dict[str, Any]) -> Order:
    found = PLATFORMS[platform].payloads["orders"].read(payload, email_hasher(None))
    assert isinstance(found, Order), found
    return found


def posted(**fields: Any) -> Order:
    found = load_record(ORDERS, fields)
    assert isinstance(found, Order), found
    return found


def line(total: str | None, **fields: Any) -> dict[str, Any]:
    return {"product_name": "Widget", "quantity": 1, "subtotal": total, "total": total} | fields


def order(total: str, *lines: dict[str, Any], **fields: Any) -> Order:
    stated = {"wc_order_id": 1, "date_created": "2026-01-15", "status": "completed", "total": total, "currency": "EUR"}
    return posted(**{**stated, "amounts_include_tax": False, "items": [*lines], **fields})


@pytest.mark.parametrize(("platform", "payload"), REAL, ids=lambda value: value if isinstance(value, str) else "")
def test_every_recorded_order_adds_up(platform: str, payload: dict[str, Any]) -> None:
    found = read(platform, payload)
    assert found.amounts_include_tax is not None
    assert findings_of(found) == ()


@pytest.mark.parametrize(("platform", "payload"), REAL, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_total_of_a_recorded_order_is_found(platform: str, payload: dict[str, Any]) -> None:
    found = read(platform, payload)
    wrong = replace(found, total=found.total + Decimal("0.51") * (2 + len(found.items)))
    (finding,) = findings_of(wrong)
    assert (finding.kind, finding.stated) == ("order_imbalance", wrong.total)
    assert finding.difference == finding.stated - finding.computed


def test_a_missing_fee_is_found() -> None:
    assert findings_of(order("13.50", line("10.00"), shipping_total="2.50", tax_total="1.00")) == ()
    (finding,) = findings_of(order("14.75", line("10.00"), shipping_total="2.50", tax_total="1.00"))
    assert finding == Finding("order_imbalance", Decimal("14.75"), Decimal("13.50"), Decimal("1.25"))


def test_tax_counts_once() -> None:
    assert findings_of(order("12.00", line("12.00"), tax_total="2.00", amounts_include_tax=True)) == ()
    assert findings_of(order("12.00", line("10.00"), tax_total="2.00")) == ()


def test_shipping_and_fees_count_as_lines_or_as_sums() -> None:
    lines = (line("10.00"), line("3.00", kind="shipping"), line("1.00", kind="fee"), line("2.00", kind="tip"))
    sums = {"shipping_total": "3.00", "fee_total": "1.00", "tip_total": "2.00"}
    assert findings_of(order("16.00", *lines, **sums)) == findings_of(order("16.00", line("10.00"), **sums)) == ()


def test_a_discount_of_the_platform_lowers_the_total() -> None:
    sold = line("7.00", subtotal="10.00")
    assert findings_of(order("7.00", sold, discount_total="2.00", platform_discount_total="1.00")) == ()
    (finding,) = findings_of(order("7.00", sold, discount_total="2.00"))
    assert finding.difference == -1


def test_refunds_sum_up_to_the_refunded_total() -> None:
    refunds = [{"amount": "3.00"}, {"amount": "1.50"}]
    assert findings_of(order("10.00", line("10.00"), refunded_total="4.50", refunds=refunds)) == ()
    (finding,) = findings_of(order("10.00", line("10.00"), refunded_total="4.49", refunds=refunds))
    assert finding == Finding("refund_imbalance", Decimal("4.49"), Decimal("4.50"), Decimal("-0.01"))


@pytest.mark.parametrize("unknown", [{"amounts_include_tax": None}, {"items": [line(None)]}])
def test_an_order_that_tells_too_little_is_not_judged(unknown: dict[str, Any]) -> None:
    assert findings_of(order("99.00", line("1.00"))) != ()
    assert findings_of(order("99.00", **unknown)) == ()


def test_orders_of_old_plugins_are_not_judged() -> None:
    assert findings_of(posted(**narrow_order(total=1))) == ()


@pytest.mark.parametrize(
    ("currency", "unit"),
    [("EUR", "0.01"), ("jpy", "1"), ("KWD", "0.001"), ("CLF", "0.0001"), (None, "0.01"), ("ISK", "1")],
)
def test_the_smallest_unit_is_the_currencys(currency: str | None, unit: str) -> None:
    assert smallest_unit(currency) == Decimal(unit)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "BHD"])
@given(st.data())
def test_rounding_per_order_is_no_finding_and_two_units_are(currency: str, data: st.DataObject) -> None:
    unit = smallest_unit(currency)
    exact = data.draw(st.lists(st.decimals(1, 1000, places=6), min_size=2, max_size=30))
    rounded = [line(str(amount.quantize(unit))) for amount in exact]
    total = sum(exact, Decimal(0)).quantize(unit)
    assert findings_of(order(str(total), *rounded, currency=currency)) == ()
    wrong = total + unit * (len(exact) + 1)
    assert findings_of(order(str(wrong), *rounded, currency=currency)) != ()
