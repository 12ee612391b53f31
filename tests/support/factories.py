"""Records as the plugin posts them, whole and valid; a test names what it cares about."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from schemas.base.fields import OneOf, Text
from schemas.plugin.entities import ENTITIES, Entity
from schemas.records.entities import ENTITY_RECORDS

WHEN = "2026-01-15T10:30:00Z"
# What came with the second shape of an order. Without a word about tax it is not judged by the law of its books.
WIDE_ORDER: dict[str, Any] = {
    "number": "A-1001",
    "financial_status": "partially_refunded",
    "fulfillment_status": "fulfilled",
    "platform_status": "completed",
    "is_test": False,
    "paid_at": WHEN,
    "completed_at": WHEN,
    "cancelled_at": None,
    "cancel_reason": None,
    "channel": "checkout",
    "ship_country": "DE",
    "ship_region": "BE",
    "prices_include_tax": True,
    "amounts_include_tax": None,
    "presentment_currency": "EUR",
    "presentment_total": "92.50",
    "fee_total": 0,
    "tip_total": 0,
    "platform_discount_total": 0,
    "refunded_total": 25,
}


def make_item(**overrides: Any) -> dict[str, Any]:
    item = {"product_name": "Blue Widget", "sku": "BW-001", "quantity": 2, "subtotal": 44.99, "total": 49.99}
    item |= {
        "kind": "product",
        "line_id": 7,
        "variation_id": 502,
        "current_quantity": 1,
        "discount_total": 5,
        "tax_total": 5,
    }
    return item | {"wc_product_id": 501} | overrides


def make_refund(**overrides: Any) -> dict[str, Any]:
    items = [{"line_id": 7, "kind": "product", "quantity": 1, "amount": "22.50", "tax_total": "2.50"}]
    return {"refund_id": 31, "created_at": WHEN, "amount": 25, "reason": "too small", "items": items} | overrides


def make_order(**overrides: Any) -> dict[str, Any]:
    order = {
        "wc_order_id": 1001,
        "date_created": WHEN,
        "date_modified": WHEN,
        "status": "completed",
        "total": 99.99,
        "subtotal": 89.99,
        "tax_total": 5.00,
        "shipping_total": 5.00,
        "discount_total": 0,
        "currency": "USD",
        "customer_id": 42,
        "payment_method": "stripe",
        "coupon_used": "",
        "items": [make_item()],
        **WIDE_ORDER,
        "coupons": [{"code": "SPRING", "amount": 5, "tax_total": 0}],
        "refunds": [make_refund()],
    }
    return order | overrides


def narrow_order(**overrides: Any) -> dict[str, Any]:
    """As plugins send it that know the first version of the contract."""
    narrow = {name: value for name, value in make_order().items() if name not in (*WIDE_ORDER, "coupons", "refunds")}
    return narrow | {"items": [narrow_item()]} | overrides


def narrow_item(**overrides: Any) -> dict[str, Any]:
    first = ("product_name", "sku", "quantity", "subtotal", "total", "wc_product_id")
    return {name: make_item()[name] for name in first} | overrides


def make_product(**overrides: Any) -> dict[str, Any]:
    product = {
        "wc_product_id": 501,
        "name": "Blue Widget",
        "sku": "BW-001",
        "price": 24.99,
        "regular_price": 29.99,
        "sale_price": 24.99,
        "category_id": 10,
        "category_name": "Widgets",
        "stock_quantity": 50,
        "stock_status": "instock",
        "status": "publish",
        "type": "simple",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": WHEN,
    }
    return product | overrides


def make_customer(**overrides: Any) -> dict[str, Any]:
    customer = {
        "wc_customer_id": 42,
        "email": "john@example.com",
        "display_name": "John D.",
        "total_spent": 499.95,
        "order_count": 5,
        "first_order_date": "2025-06-01T00:00:00Z",
        "last_order_date": WHEN,
        "created_at": "2025-05-20T00:00:00Z",
    }
    return customer | overrides


def make_category(**overrides: Any) -> dict[str, Any]:
    return {"wc_category_id": 10, "name": "Widgets", "parent_id": None, "product_count": 25} | overrides


def _first_text(entity: Entity) -> str:
    fields = entity.schema.fields.items()
    return next(name for name, field in fields if isinstance(field, Text) and not isinstance(field, OneOf))


# Another entity's record is its example in the contract, which then has every field.
MAKERS: dict[str, Callable[..., dict[str, Any]]] = {
    name: partial(dict, entity.example) for name, entity in ENTITIES.items()
} | {"orders": make_order, "products": make_product, "customers": make_customer, "categories": make_category}
# The contract's own names: those of the schema are compared with them.
ID_FIELDS = {name: entity.id_field for name, entity in ENTITIES.items()} | {
    "orders": "wc_order_id",
    "products": "wc_product_id",
    "customers": "wc_customer_id",
    "categories": "wc_category_id",
}
# A text of each record, and its time of change if it has one; named alike in payload and table.
TEXT_FIELDS = {name: _first_text(entity) for name, entity in ENTITIES.items()}
CHANGED_FIELDS = {name: entity.record.CHANGED for name, entity in ENTITY_RECORDS.items() if entity.record.CHANGED}
