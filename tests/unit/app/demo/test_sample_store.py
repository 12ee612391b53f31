"""The sample shop: repeatable, adds up to the cent, and is posted in the wrong order on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from app.demo.bad_records import FIRST_BAD_ID, bad_records
from app.demo.catalogue import FIRST_CATEGORY_ID, FIRST_PRODUCT_ID
from app.demo.plugin import plugin_category, plugin_customer, plugin_order, plugin_product
from app.demo.sales import FIRST_CUSTOMER_ID, FIRST_ORDER_ID, TAX_PER_MILLE
from app.demo.sample_store import BATCH_RECORDS, KEYS, STALE_ORDERS, SampleBatch, batches, contract_records, recorded
from app.demo.story import NEWEST, OLDEST, days_ahead
from schemas.base.fields import RecordSchema
from schemas.plugin.categories import CategorySchema
from schemas.plugin.customers import CustomerSchema
from schemas.plugin.orders import OrderSchema
from schemas.plugin.products import ProductSchema

REQUIRED = {
    "orders": ("wc_order_id", "date_created", "status", "total"),
    "products": ("wc_product_id", "name"),
    "customers": ("wc_customer_id",),
    "categories": ("wc_category_id", "name"),
}
MAPPINGS: dict[str, Any] = {
    "orders": plugin_order,
    "products": plugin_product,
    "customers": plugin_customer,
    "categories": plugin_category,
}
SCHEMAS: dict[str, RecordSchema] = {
    "orders": OrderSchema(),
    "products": ProductSchema(),
    "customers": CustomerSchema(),
    "categories": CategorySchema(),
}
FIRST_MADE_UP = {
    "orders": FIRST_ORDER_ID,
    "products": FIRST_PRODUCT_ID,
    "customers": FIRST_CUSTOMER_ID,
    "categories": FIRST_CATEGORY_ID,
}
ENTITIES = tuple(KEYS)


@pytest.fixture(scope="module")
def sample() -> list[SampleBatch]:
    return batches()


@pytest.fixture(scope="module")
def valid() -> dict[str, list[dict[str, Any]]]:
    return contract_records(Random(1))


def of(sample: list[SampleBatch], entity: str) -> list[SampleBatch]:
    return [batch for batch in sample if batch.entity == entity]


def accepts(entity: str, record: Any) -> bool:
    """Whether the schema accepts the record after the API has hashed its address."""
    if isinstance(record, dict) and record.get("email"):
        record = record | {"email": "0" * 64}
    return not SCHEMAS[entity].validate(record)


def test_the_shop_has_its_documented_size(valid: dict[str, list[dict[str, Any]]]) -> None:
    made_up = {
        entity: [record for record in records if record[KEYS[entity]] >= FIRST_MADE_UP[entity]]
        for entity, records in valid.items()
    }
    assert {entity: len(records) for entity, records in made_up.items()} == {
        "orders": 2400,
        "products": 300,
        "customers": 800,
        "categories": 30,
    }
    assert {len(order["items"]) for order in made_up["orders"]} == {1, 2, 3, 4, 5, 6}


def test_the_same_seed_gives_the_same_batches(sample: list[SampleBatch]) -> None:
    assert batches() == sample
    assert batches(seed=2) != sample


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_recorded_resource_becomes_a_contract_record(entity: str) -> None:
    for resource in recorded(entity):
        record = MAPPINGS[entity](resource)
        assert all(record[name] is not None for name in REQUIRED[entity])
        assert accepts(entity, record), record


def test_recorded_names_are_unescaped_and_dates_in_utc() -> None:
    names = {plugin_category(resource)["name"] for resource in recorded("categories")}
    assert "Garden & Tools" in names
    order = plugin_order(recorded("orders")[0])
    assert (order["wc_order_id"], order["date_created"]) == (145, "2026-11-20T23:47:40Z")


def test_recorded_coupon_order_keeps_its_amounts_as_text() -> None:
    order = plugin_order(next(resource for resource in recorded("orders") if resource["id"] == 146))
    assert (order["subtotal"], order["discount_total"], order["coupon_used"]) == ("55.60", "5.56", "spring10")
    assert order["items"][0] == {
        "product_name": "Hose 20 m",
        "sku": "HOSE-20",
        "quantity": 1,
        "subtotal": "29.50",
        "total": "26.55",
        "wc_product_id": 12,
    }


def test_a_scheduled_product_has_no_future_change() -> None:
    scheduled = next(resource for resource in recorded("products") if resource["status"] == "future")
    assert scheduled["date_modified_gmt"] > "2027"
    assert plugin_product(scheduled)["updated_at"] is None


def test_a_line_of_a_deleted_product_has_no_reference() -> None:
    order = plugin_order(next(resource for resource in recorded("orders") if resource["id"] == 155))
    assert order["items"][0]["wc_product_id"] is None


def test_a_nameless_customer_is_shown_by_user_name() -> None:
    nameless = next(resource for resource in recorded("customers") if not resource["first_name"])
    assert plugin_customer(nameless)["display_name"] == nameless["username"]


def test_customer_totals_come_from_their_orders() -> None:
    mine = [resource for resource in recorded("orders") if resource["customer_id"] == 5]
    customer = plugin_customer(next(one for one in recorded("customers") if one["id"] == 5), mine)
    assert customer["order_count"] == len(mine) == 2
    assert customer["total_spent"] == "125.97"
    assert customer["first_order_date"] <= customer["last_order_date"]


def test_made_up_orders_add_up_to_the_cent(valid: dict[str, list[dict[str, Any]]]) -> None:
    orders = [order for order in valid["orders"] if order["wc_order_id"] >= FIRST_ORDER_ID]
    for order in orders:
        amounts = {name: Decimal(amount) for name, amount in order.items() if name.endswith("total")}
        goods = sum((Decimal(item["total"]) for item in order["items"]), Decimal(0))
        assert amounts["subtotal"] - amounts["discount_total"] == goods
        assert amounts["total"] == goods + amounts["tax_total"] + amounts["shipping_total"]
        assert 0 <= goods * TAX_PER_MILLE / 1000 - amounts["tax_total"] < Decimal("0.01")
    assert sum(order["coupon_used"] != "" for order in orders) > 100
    assert sum(order["customer_id"] == 0 for order in orders) > 300


def test_made_up_business_grows_over_eighteen_months(valid: dict[str, list[dict[str, Any]]]) -> None:
    dates = sorted(order["date_created"] for order in valid["orders"] if order["wc_order_id"] >= FIRST_ORDER_ID)
    assert datetime.fromisoformat(dates[0]) >= OLDEST
    assert datetime.fromisoformat(dates[-1]) <= NEWEST
    assert NEWEST - OLDEST > timedelta(days=540)
    middle = (OLDEST + (NEWEST - OLDEST) / 2).isoformat()
    assert sum(date > middle for date in dates) > 1.2 * sum(date <= middle for date in dates)


def test_categories_form_a_tree_of_three_levels(valid: dict[str, list[dict[str, Any]]]) -> None:
    parents = {one["wc_category_id"]: one["parent_id"] for one in valid["categories"]}

    def depth(category: int | None) -> int:
        return 0 if category is None else 1 + depth(parents[category])

    assert {depth(one) for one in parents if one >= FIRST_CATEGORY_ID} == {1, 2, 3}


def test_every_reference_of_a_made_up_record_exists(valid: dict[str, list[dict[str, Any]]]) -> None:
    ids = {entity: {record[KEYS[entity]] for record in records} for entity, records in valid.items()}
    assert {order["customer_id"] for order in valid["orders"]} <= ids["customers"] | {0}
    assert {item["wc_product_id"] for order in valid["orders"] for item in order["items"]} <= ids["products"] | {None}
    assert {product["category_id"] for product in valid["products"]} <= ids["categories"] | {None}


def test_some_customers_have_an_address_as_name(valid: dict[str, list[dict[str, Any]]]) -> None:
    assert 10 < sum("@" in customer["display_name"] for customer in valid["customers"]) < 80
    assert all(customer["email"].endswith("@example.test") for customer in valid["customers"])


@pytest.mark.parametrize("entity", ENTITIES)
def test_no_made_up_id_is_a_recorded_one(entity: str, valid: dict[str, list[dict[str, Any]]]) -> None:
    ids = [record[KEYS[entity]] for record in valid[entity]]
    assert len(set(ids)) == len(ids)
    assert max(resource["id"] for resource in recorded(entity)) < FIRST_MADE_UP[entity]
    assert max(ids) < FIRST_BAD_ID


def test_batches_are_posted_in_the_wrong_order(sample: list[SampleBatch]) -> None:
    order = [batch.entity for batch in sample[:-1]]
    assert order == sorted(order, key=ENTITIES.index)
    assert ENTITIES == ("orders", "products", "customers", "categories")
    assert all(0 < len(batch.records) <= BATCH_RECORDS for batch in sample)
    [tree] = of(sample, "categories")
    places = {record["wc_category_id"]: place for place, record in reversed(list(enumerate(tree.records))) if place}
    children = [record for place, record in enumerate(tree.records) if place and place not in tree.bad]
    assert all(places[one["wc_category_id"]] < places[one["parent_id"]] for one in children if one["parent_id"])
    dates = [record["date_created"] for record in sample[3].records if isinstance(record, dict)]
    assert dates != sorted(dates)


@pytest.mark.parametrize("entity", ENTITIES)
def test_the_schema_refuses_only_bad_records(entity: str, sample: list[SampleBatch]) -> None:
    for batch in of(sample, entity):
        for place, record in enumerate(batch.records):
            ahead = isinstance(record, dict) and "2099-" in str(record)  # only the worker refuses it
            assert accepts(entity, record) == (place not in batch.bad or ahead), record


def test_about_25_records_of_all_entities_are_bad(sample: list[SampleBatch]) -> None:
    counts = {entity: sum(len(batch.bad) for batch in of(sample, entity)) for entity in ENTITIES}
    assert counts == {entity: len(bad_records(entity)) for entity in ENTITIES}
    assert 22 <= sum(counts.values()) <= 30
    assert min(counts.values()) >= 4


@pytest.mark.parametrize("entity", ENTITIES)
def test_one_id_is_twice_in_a_batch(entity: str, sample: list[SampleBatch]) -> None:
    first = of(sample, entity)[0]
    assert len(first.valid_ids()) == len(first.records) - len(first.bad) - 1


def test_the_last_batch_has_older_versions_of_orders(sample: list[SampleBatch]) -> None:
    newer = {
        record["wc_order_id"]: record["date_modified"]
        for batch in of(sample, "orders")[:-1]
        for place, record in enumerate(batch.records)
        if place not in batch.bad
    }
    last = sample[-1]
    assert (last.entity, len(last.records)) == ("orders", STALE_ORDERS)
    assert all(record["date_modified"] < newer[record["wc_order_id"]] for record in last.records)


def test_dates_move_back_if_the_clock_is_behind() -> None:
    clock = datetime(2026, 3, 1, 12, tzinfo=UTC)
    moved = batches(days_back=days_ahead(clock))
    latest = max(
        record["date_modified"]
        for batch in of(moved, "orders")
        for place, record in enumerate(batch.records)
        if place not in batch.bad
    )
    assert clock - timedelta(days=2) < datetime.fromisoformat(latest) <= clock
    assert days_ahead(NEWEST + timedelta(days=400)) == 0
