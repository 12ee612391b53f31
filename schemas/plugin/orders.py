"""Orders of the plugin contract (specification 1)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import ExternalId, Money, Records, Reference, Text, Timestamp
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import Order, OrderItem

MOST_ITEMS = 1000

EXAMPLE: dict[str, Any] = {
    "wc_order_id": 1001,
    "date_created": "2026-01-15T10:30:00Z",
    "date_modified": "2026-01-15T12:00:00Z",
    "status": "completed",
    "total": 99.99,
    "currency": "USD",
    "customer_id": 42,
    "items": [
        {"product_name": "Blue Widget", "sku": "BW-001", "quantity": 2, "total": 49.99, "wc_product_id": 501},
    ],
}


class OrderItemSchema(PluginSchema):
    """A line. Its name may be blank, because WooCommerce keeps lines of deleted products."""

    record = OrderItem

    product_name = Text(required=True)
    sku = Text(load_default=None, allow_none=True)
    quantity = Money(required=True)
    subtotal = Money(load_default=None, allow_none=True)
    total = Money(load_default=None, allow_none=True)
    product_external_id = Reference(load_default=None, allow_none=True, data_key="wc_product_id")


class OrderSchema(PluginSchema):
    """An order (FR2). Without `items` it has no lines."""

    record = Order

    external_id = ExternalId(required=True, data_key="wc_order_id")
    date_created = Timestamp(required=True)
    date_modified = Timestamp(load_default=None, allow_none=True)
    status = Text(required=True, blank=False, longest=100)
    total = Money(required=True)
    subtotal = Money(load_default=None, allow_none=True)
    tax_total = Money(load_default=None, allow_none=True)
    shipping_total = Money(load_default=None, allow_none=True)
    discount_total = Money(load_default=None, allow_none=True)
    currency = Text(load_default=None, allow_none=True, longest=20)
    customer_external_id = Reference(load_default=None, allow_none=True, data_key="customer_id")
    payment_method = Text(load_default=None, allow_none=True)
    coupon_used = Text(load_default=None, allow_none=True)
    items = Records(OrderItemSchema, most=MOST_ITEMS)
