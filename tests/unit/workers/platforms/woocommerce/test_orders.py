"""WooCommerce's orders become plain records, and paging through a list that changes meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base.privacy import email_hasher
from schemas.platforms.registry import PLATFORMS
from schemas.platforms.woocommerce.orders import read_order, refunded_total
from schemas.records.shop import Order
from tests.support.recorded import recording
from workers.outbound.planning.mapper import from_woocommerce_order
from workers.platforms.common.interface import Window
from workers.platforms.woocommerce.client import Listing
from workers.platforms.woocommerce.orders import (
    FIELDS,
    Position,
    decode_cursor,
    encode_cursor,
    filters,
    following,
    missing,
)

ORDERS = PLATFORMS["woocommerce"].payloads["orders"]


def recorded_order(order_id: int) -> dict[str, Any]:
    shop = next(step for step in recording("recorded")[1] if step.get("seed") == "orders!")
    found: dict[str, Any] = next(row for row in shop["rows"] if row["id"] == order_id)
    return found


def read(payload: dict[str, Any]) -> Order:
    found = ORDERS.read(payload, email_hasher(None))
    assert isinstance(found, Order), found
    return found


def test_recorded_order_is_read() -> None:
    order = read(recorded_order(173))
    assert (order.external_id, order.status, order.currency, order.customer_external_id) == (173, "refunded", "USD", 7)
    assert order.date_created == datetime(2026, 11, 20, 23, 50, 18, tzinfo=UTC)
    assert order.date_modified == datetime(2026, 11, 20, 23, 50, 24, tzinfo=UTC)
    assert [order.total, order.subtotal, order.tax_total] == [Decimal("126.87"), Decimal("109.70"), Decimal("9.67")]
    assert [order.shipping_total, order.discount_total] == [Decimal("7.50"), Decimal(0)] and order.coupon_used == ""
    assert [(item.sku, item.quantity, item.total, item.product_external_id) for item in order.items] == [
        ("CAN-5", Decimal(2), Decimal("50.20"), 11),
        ("HOSE-50", Decimal(1), Decimal("59.50"), 13),
        (None, Decimal(1), Decimal("7.50"), None),
    ]
    assert [item.kind for item in order.items] == ["product", "product", "shipping"]


def test_no_data_of_the_buyer_is_requested_or_read() -> None:
    payload = recorded_order(173)
    assert payload["billing"]["email"]
    assert "@" not in str(read(payload))
    assert not {"billing", "shipping", "customer_ip_address", "customer_note"} & set(FIELDS.split(","))
    assert {"shipping.country", "shipping.state"} <= set(FIELDS.split(","))


def test_an_order_without_lines_sums_up_to_zero() -> None:
    payload = recorded_order(173)
    assert read(payload | {"line_items": []}).subtotal == Decimal(0)
    unknown = [line | {"subtotal": ""} for line in payload["line_items"]]
    assert read(payload | {"line_items": unknown}).subtotal is None


def test_line_without_product_and_guest_order_are_read() -> None:
    order = read(recorded_order(171))
    assert order.customer_external_id is None
    assert [(item.product_name, item.sku, item.product_external_id) for item in order.items] == [("", None, None)]


@pytest.mark.parametrize(
    ("totals", "refunded"), [([], 0), (["-1.00", "-2.50"], Decimal("3.5")), (["-", "-0.00", ""], 0)]
)
def test_refunds_are_separate_from_the_total(totals: list[str], refunded: Decimal) -> None:
    payload = recorded_order(173) | {"refunds": [{"id": 1, "total": total} for total in totals]}
    native = read_order(payload)
    assert native is not None
    assert refunded_total(native) == refunded
    assert native.total == Decimal("126.87")


def test_types_changed_by_plugins_are_understood() -> None:
    payload = recorded_order(173) | {"total": 126.87, "customer_id": "7", "total_tax": "", "coupon_lines": None}
    order = read(payload | {"total": Decimal("126.87"), "number": "INV-0012"})
    assert (order.total, order.customer_external_id, order.tax_total) == (Decimal("126.87"), 7, None)


def test_pulled_order_becomes_plain_json() -> None:
    native = read_order(recorded_order(173))
    assert native is not None
    told = from_woocommerce_order(native)
    assert (told["wooCommerceId"], told["number"], told["total"], told["refundedTotal"]) == (
        173,
        "173",
        "126.87",
        "30.17",
    )
    assert told["createdAt"] == "2026-11-20T23:50:18+00:00"
    assert told["items"][0] == {
        "wooCommerceProductId": 11,
        "sku": "CAN-5",
        "name": "Watering can 5 l",
        "quantity": "2",
        "total": "50.2",
    }


MOMENT = datetime(2026, 11, 20, 23, 50, 18, tzinfo=UTC)


@given(st.integers(0, 999_999), st.integers(-3, 3))
def test_filters_select_exactly_the_window(micros: int, seconds: int) -> None:
    # The shop's filters are exclusive and in whole seconds, as are its dates.
    bound = MOMENT + timedelta(microseconds=micros)
    changed = MOMENT + timedelta(seconds=seconds)
    found = filters(Window(updated_from=bound, updated_until=bound, created_from=bound), ("any",))
    text = changed.strftime("%Y-%m-%dT%H:%M:%S")
    assert (text > str(found["modified_after"])) is (changed >= bound) is (text > str(found["after"]))
    assert (text < str(found["modified_before"])) is (changed < bound)


def test_filters_are_naive_utc() -> None:
    assert filters(Window(updated_from=MOMENT), ("processing", "completed")) == {
        "status": "processing,completed",
        "dates_are_gmt": True,
        "modified_after": "2026-11-20T23:50:17",
    }


def listing(count: int, total: int | None, pages: int | None = None) -> Listing:
    return Listing([{"id": number} for number in range(count)], total, pages, None)


@pytest.mark.parametrize("position", [Position(1, None), Position(7, 640), Position(2, 0)])
def test_cursor_survives_its_text_form(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@pytest.mark.parametrize(
    ("position", "found", "left"),
    [
        (Position(1, None), listing(100, 500), 0),
        (Position(2, 500), listing(100, 500), 0),
        (Position(2, 500), listing(100, 503), 0),
        (Position(2, 500), listing(100, 498), 2),
        (Position(2, 101), listing(0, 0), 1),  # past the end orders are counted as none
        (Position(2, None), listing(100, 498), 0),
        (Position(2, 500), listing(100, None), 0),
    ],
)
def test_orders_that_left_the_window_are_counted(position: Position, found: Listing, left: int) -> None:
    assert missing(position, found) == left


@pytest.mark.parametrize(
    ("position", "found", "onward"),
    [
        (Position(1, None), listing(99, 99, 1), None),
        (Position(1, None), listing(100, 100, 1), None),
        (Position(1, None), listing(100, 101, 2), Position(2, 101)),
        (Position(1, None), listing(100, None, None), Position(2, None)),
        (Position(3, 210), listing(0, 0, 0), None),
    ],
)
def test_reading_ends_after_a_short_or_last_page(position: Position, found: Listing, onward: Position | None) -> None:
    assert following(position, found) == onward
