"""Shopify's payloads: their records, and the codes for what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.base.error_codes import Problem
from schemas.base.privacy import email_hasher
from schemas.base.strict_json import loads
from schemas.platforms.payload import platform_id
from schemas.platforms.registry import PLATFORMS
from schemas.records.shop import Customer, Order, Product
from tests.fakes.shopify import records as shopify_records
from tests.support.paths import FIXTURES

FOLDER = FIXTURES / "shopify"
HASHED = email_hasher(None)
Row = dict[str, Any]


def fixture(name: str) -> Any:
    return loads((FOLDER / f"{name}.json").read_bytes())


def read(entity: str, payload: Any) -> Any:
    return PLATFORMS["shopify"].payloads[entity].read(payload, HASHED)


def order(**changes: Any) -> Row:
    return {**shopify_records.order(11, 1_700_000_000, 1_700_000_060), **changes}


def product(*variants: Row) -> Row:
    return {"id": 7, "title": "Cup", "variants": list(variants)}


def variant(price: str, **changes: Any) -> Row:
    counted = {"inventory_management": "shopify", "inventory_policy": "deny", "inventory_quantity": 3}
    return {"sku": "C-1", "price": price, "compare_at_price": None, **counted, **changes}


def test_an_order_is_read_as_shopify_documents_it() -> None:
    found = read("orders", fixture("orders")["orders"][0])
    assert isinstance(found, Order)
    assert (found.external_id, found.status, found.total) == (450789469, "processing", Decimal("598.94"))
    assert (found.subtotal, found.tax_total, found.discount_total) == (Decimal(597), Decimal("11.94"), Decimal(10))
    assert (found.shipping_total, found.currency, found.customer_external_id) == (Decimal(0), "USD", 207119551)
    assert (found.payment_method, found.coupon_used) == ("bogus", "TENOFF")
    assert found.date_created == found.date_modified == datetime(2008, 1, 10, 16, tzinfo=UTC)


def test_an_orders_discount_is_shared_by_its_lines() -> None:
    found = read("orders", fixture("orders")["orders"][0])
    lines = [(line.sku, line.quantity, line.subtotal, line.total, line.product_external_id) for line in found.items]
    assert lines == [
        ("IPOD2008GREEN", 1, 199, Decimal("195.66"), 632910392),
        ("IPOD2008RED", 1, 199, Decimal("195.67"), 632910392),
        ("IPOD2008BLACK", 1, 199, Decimal("195.67"), 632910392),
        (None, 1, 0, 0, None),
    ]
    assert [line.kind for line in found.items] == ["product", "product", "product", "shipping"]


def test_every_documented_order_is_read() -> None:
    found = [read("orders", payload) for payload in fixture("orders")["orders"]]
    assert all(isinstance(record, Order) for record in found)
    assert len({record.external_id for record in found}) == 10
    assert read("orders", fixture("order_cancelled")["order"]).status == "cancelled"


@pytest.mark.parametrize(
    ("financial", "fulfillment", "status"),
    [
        ("paid", None, "processing"),
        ("paid", "partial", "processing"),
        ("paid", "fulfilled", "completed"),
        ("partially_refunded", "fulfilled", "completed"),
        ("partially_refunded", None, "processing"),
        ("refunded", "fulfilled", "refunded"),
        ("voided", None, "cancelled"),
        ("pending", None, "pending"),
        ("pending", "fulfilled", "pending"),
        ("partially_paid", None, "pending"),
        ("authorized", None, "on-hold"),
        ("paid", "restocked", "cancelled"),
        (None, None, "pending"),
        ("brand_new_word", None, "brand_new_word"),
    ],
)
def test_shopify_statuses_become_one_status(financial: str | None, fulfillment: str | None, status: str) -> None:
    assert read("orders", order(financial_status=financial, fulfillment_status=fulfillment)).status == status


def test_fields_that_shopify_withholds_may_be_absent() -> None:
    bare = {"id": 5, "created_at": "2026-01-01T00:00:00Z", "total_price": "9.99"}
    found = read("orders", bare)
    assert (found.status, found.items, found.customer_external_id) == ("pending", (), None)
    nulls = dict.fromkeys(PLATFORMS["shopify"].payloads["orders"].fields)
    assert read("orders", {**nulls, **bare}) == found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": None}, Problem("id", "required")),
        ({"id": 1.5}, Problem("id", "not_an_id")),
        ({"created_at": "soon"}, Problem("created_at", "not_a_date")),
        ({"total_price": None}, Problem("total_price", "required")),
        ({"total_price": "1,50"}, Problem("total_price", "not_a_number")),
        ({"line_items": [{"quantity": -1, "price": "1"}]}, Problem("line_items[0].quantity", "out_of_range")),
        ({"line_items": [{"quantity": 10, "price": "99999999999999"}]}, Problem("line_items", "out_of_range")),
        ({"line_items": {}}, Problem("line_items", "not_a_list")),
        ({"customer": "Bob"}, Problem("customer", "not_an_object")),
        ({"currency": "E\x00R"}, Problem("currency", "bad_characters")),
        ({"payment_gateway_names": [1]}, Problem("payment_gateway_names", "not_text")),
    ],
)
def test_a_bad_order_gives_its_problem(changes: Row, problem: Problem) -> None:
    assert read("orders", order(**changes)) == [problem]


@pytest.mark.parametrize("payload", [None, [], "order", 5])
def test_values_that_are_no_object_are_refused(payload: Any) -> None:
    assert read("orders", payload) == [Problem("*", "not_an_object")]
    assert platform_id(payload) is None


def test_a_refused_record_is_named_by_its_number() -> None:
    assert platform_id({"id": 7}) == "7"
    assert platform_id({"id": "5764614130387857521"}) == "5764614130387857521"
    assert platform_id({"id": "bob@example.com"}) is None


def test_no_address_is_left_in_any_field() -> None:
    planted = "canary.buyer@example.com"
    whole = order(
        currency="EUR",
        payment_gateway_names=[f"invoice to {planted}"],
        discount_codes=[{"code": planted}],
        customer={"id": 3, "email": planted, "first_name": planted},
        line_items=[{"title": f"for {planted}", "sku": planted, "quantity": 1, "price": "1"}],
    )
    person = {"id": 3, "email": f" {planted.upper()} ", "first_name": planted, "last_name": planted}
    item = product(variant("1", sku=planted)) | {"title": f"by {planted}", "product_type": planted}
    found = [read("orders", whole), read("customers", person), read("products", item)]
    assert [type(record) for record in found] == [Order, Customer, Product]
    assert "example.com" not in repr(found).lower()
    assert found[1].email_hash == HASHED(planted)


def test_a_hash_uses_the_key_if_one_is_set() -> None:
    keyed = PLATFORMS["shopify"].payloads["customers"].read({"id": 3, "email": "a@b.test"}, email_hasher("k" * 32))
    assert isinstance(keyed, Customer)
    assert keyed.email_hash not in (None, HASHED("a@b.test"))


def test_a_customer_is_read() -> None:
    documented = {person["id"]: person for person in fixture("customers")["customers"]}
    found = read("customers", documented[207119551])
    assert isinstance(found, Customer)
    assert (found.external_id, found.display_name, found.order_count) == (207119551, "Bob Norman", 1)
    assert found.total_spent == Decimal("199.65")


def test_a_customer_may_have_no_name_and_no_address() -> None:
    found = read("customers", {"id": 3, "email": "", "first_name": None})
    assert (found.email_hash, found.display_name) == (None, None)


def test_a_product_is_read() -> None:
    found = read("products", fixture("product")["product"])
    assert isinstance(found, Product)
    assert (found.external_id, found.name, found.status, found.type) == (
        632910392,
        "IPod Nano - 8GB",
        "active",
        "variable",
    )
    assert (found.price, found.stock_quantity) == (Decimal(199), Decimal(100))
    assert found.sale_price is None


def test_the_price_is_the_cheapest_variants() -> None:
    found = read("products", product(variant("30"), variant("20", compare_at_price="25"), variant("40")))
    assert (found.price, found.regular_price, found.sale_price) == (20, 25, 20)
    assert (found.stock_quantity, found.stock_status) == (9, "instock")


@pytest.mark.parametrize(
    ("changes", "stock", "status"),
    [
        ({"inventory_quantity": 0}, 0, "outofstock"),
        ({"inventory_quantity": -2}, -2, "outofstock"),
        ({"inventory_quantity": 0, "inventory_policy": "continue"}, 0, "instock"),
        ({"inventory_management": None}, None, "instock"),
    ],
)
def test_stock_is_the_sum_of_tracked_variants(changes: Row, stock: int | None, status: str) -> None:
    found = read("products", product(variant("1", **changes)))
    assert (found.stock_quantity, found.stock_status, found.sku, found.type) == (stock, status, "C-1", "simple")


def test_a_product_without_variants_has_no_price() -> None:
    found = read("products", product())
    assert (found.price, found.stock_quantity, found.stock_status) == (None, None, "outofstock")
