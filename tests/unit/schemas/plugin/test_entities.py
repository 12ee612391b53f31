"""Each entity's schema: the contract's longest record, its shortest one, and the problems of bad ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from marshmallow import ValidationError
from msgspec.structs import asdict

from schemas.base.error_codes import REASONS, Problem, problems_of
from schemas.base.strict_json import loads
from schemas.plugin.entities import ENTITIES, Entity, external_id, load_record
from schemas.records.shop import Category, Customer, Order, OrderCoupon, OrderItem, Product, RefundItem
from tests.support.factories import ID_FIELDS, MAKERS, make_category, make_item, make_order, make_product, narrow_order


def required_fields(entity: Entity) -> set[str]:
    return {field.data_key or name for name, field in entity.schema.fields.items() if field.required}


SHORTEST: dict[str, dict[str, Any]] = {
    name: {field: value for field, value in entity.example.items() if field in required_fields(entity)}
    for name, entity in ENTITIES.items()
} | {
    "orders": {"wc_order_id": 1, "date_created": "2026-01-15", "status": "completed", "total": 1},
    "products": {"wc_product_id": 1, "name": "Widget"},
    "customers": {"wc_customer_id": 1},
    "categories": {"wc_category_id": 1, "name": "Widgets"},
}
REQUIRED = [(entity, field) for entity, record in SHORTEST.items() for field in record]
HASH = "b" * 64


def load(entity: str, record: Any) -> Any:
    """Validate a record after a round trip through JSON."""
    return load_record(ENTITIES[entity], loads(json.dumps(record).encode()))


def test_an_order_with_all_fields_is_read() -> None:
    item = OrderItem(
        *("Blue Widget", "BW-001", Decimal(2), Decimal("44.99"), Decimal("49.99"), 501),
        *("product", 7, 502, Decimal(1), Decimal(5), Decimal(5)),
    )
    order = load("orders", make_order())
    assert isinstance(order, Order)
    assert order.items == (item,)
    assert (order.external_id, order.customer_external_id, order.total) == (1001, 42, Decimal("99.99"))
    assert order.date_modified == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    (refund,) = order.refunds
    assert (refund.external_id, refund.amount, refund.reason) == (31, Decimal(25), "too small")
    assert refund.items == (RefundItem(7, "product", Decimal(1), Decimal("22.5"), Decimal("2.5")),)
    assert order.coupons == (OrderCoupon("SPRING", Decimal(5), Decimal(0)),)
    assert (order.number, order.is_test, order.ship_country, order.refunded_total) == (
        "A-1001",
        False,
        "DE",
        Decimal(25),
    )
    assert (order.prices_include_tax, order.amounts_include_tax, order.cancelled_at) == (True, None, None)


def test_an_order_of_an_old_plugin_is_read() -> None:
    order = load("orders", narrow_order())
    assert isinstance(order, Order)
    assert (order.number, order.refunds, order.coupons, order.refunded_total) == (None, (), (), None)
    assert [(item.kind, item.line_external_id) for item in order.items] == [("product", None)]


def test_a_line_of_an_unknown_kind_is_refused() -> None:
    found = load("orders", make_order(items=[make_item(kind="present")]))
    assert found == [Problem("items[0].kind", "not_a_known_word")]


def test_a_product_with_all_fields_is_read() -> None:
    product = load("products", make_product())
    assert isinstance(product, Product)
    assert (product.external_id, product.category_external_id, product.price) == (501, 10, Decimal("24.99"))
    assert product.updated_at == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def test_a_customer_with_all_fields_is_read() -> None:
    customer = load("customers", MAKERS["customers"](email=HASH))
    assert isinstance(customer, Customer)
    assert (customer.external_id, customer.email_hash, customer.order_count) == (42, HASH, 5)
    assert customer.CHANGED is None


def test_a_category_with_all_fields_is_read() -> None:
    category = load("categories", make_category(parent_id=9))
    assert category == Category(10, "Widgets", 9, 25)


@pytest.mark.parametrize("entity", ENTITIES)
def test_absent_optional_fields_are_none(entity: str) -> None:
    record = asdict(load(entity, SHORTEST[entity]))
    unset = {name for name, value in record.items() if value in (None, ())}
    assert len(unset) == len(record) - len(SHORTEST[entity])


@pytest.mark.parametrize(("entity", "field"), REQUIRED)
def test_required_fields_are_required(entity: str, field: str) -> None:
    missing = {name: value for name, value in SHORTEST[entity].items() if name != field}
    assert load(entity, missing) == [Problem(field, "required")]
    assert load(entity, SHORTEST[entity] | {field: None}) == [Problem(field, "required")]


@pytest.mark.parametrize("entity", ENTITIES)
def test_unknown_fields_are_ignored(entity: str) -> None:
    assert load(entity, SHORTEST[entity] | {"zebra": 1}) == load(entity, SHORTEST[entity])


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_a_record_that_is_no_object_is_refused(entity: str, value: Any) -> None:
    assert load(entity, value) == [Problem("*", "not_an_object")]


@pytest.mark.parametrize("entity", ENTITIES)
def test_known_fields_have_their_contract_names(entity: str) -> None:
    assert ENTITIES[entity].known_fields == MAKERS[entity]().keys()
    assert ENTITIES[entity].id_field == ID_FIELDS[entity]


def test_an_items_problem_has_its_path() -> None:
    order = make_order(items=[make_item(), make_item(quantity=None)])
    assert load("orders", order) == [Problem("items[1].quantity", "required")]


def test_all_problems_of_a_record_are_listed() -> None:
    found = load("orders", make_order(total="x", wc_order_id=-1))
    assert sorted((problem.field, problem.code) for problem in found) == [
        ("total", "not_a_number"),
        ("wc_order_id", "not_an_id"),
    ]


def test_at_most_twenty_problems_are_listed() -> None:
    found = load("orders", make_order(items=[{}] * 1000))
    assert len(found) == 20
    assert found[-1] == Problem("*", "more_problems")


def test_an_order_with_1001_items_is_refused() -> None:
    assert load("orders", make_order(items=[make_item()] * 1001)) == [Problem("items", "too_many")]
    assert isinstance(load("orders", make_order(items=[make_item()] * 1000)), Order)


def test_null_items_mean_an_empty_list() -> None:
    assert load("orders", make_order(items=None)).items == ()


def test_every_code_has_a_reason() -> None:
    assert all(Problem("x", code).reason == words for code, words in REASONS.items())
    assert problems_of(ValidationError(["not_an_object"])) == [Problem("*", "not_an_object")]


@pytest.mark.parametrize(("value", "kept"), [(7, "7"), (-7, "-7"), (" 7 ", "7"), (2**70, str(2**70))])
def test_a_refused_records_numeric_id_is_shown(value: Any, kept: str) -> None:
    assert external_id(ENTITIES["orders"], {"wc_order_id": value}) == kept


@pytest.mark.parametrize("value", [True, None, "john@example.com", 1.5, [], "٤٢", "9" * 31, "-"])
def test_a_refused_records_other_id_is_hidden(value: Any) -> None:
    assert external_id(ENTITIES["orders"], {"wc_order_id": value}) is None
    assert external_id(ENTITIES["orders"], value) is None
