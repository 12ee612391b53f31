"""Orders of the plugin contract (specification 1)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import ExternalId, Flag, Money, OneOf, Records, Reference, Text, Timestamp
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import LINE_KINDS, Order, OrderCoupon, OrderItem, Refund, RefundItem

MOST_ITEMS = 1000
OPTIONAL: dict[str, Any] = {"load_default": None, "allow_none": True}

EXAMPLE: dict[str, Any] = {
    "wc_order_id": 1001,
    "date_created": "2026-01-15T10:30:00Z",
    "date_modified": "2026-01-15T12:00:00Z",
    "status": "completed",
    "total": 104.99,
    "shipping_total": 5.00,
    "tax_total": 0,
    "currency": "USD",
    "customer_id": 42,
    "items": [
        {
            "product_name": "Blue Widget",
            "sku": "BW-001",
            "quantity": 2,
            "total": 99.99,
            "wc_product_id": 501,
            "line_id": 7,
        },
    ],
    "number": "1001",
    "amounts_include_tax": False,
    "refunded_total": 50,
    "refunds": [
        {
            "refund_id": 31,
            "created_at": "2026-01-20T09:00:00Z",
            "amount": 50,
            "items": [{"line_id": 7, "quantity": 1, "amount": 50}],
        },
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
    kind = OneOf(LINE_KINDS, load_default="product")
    line_external_id = Reference(**OPTIONAL, data_key="line_id")
    variation_external_id = Reference(**OPTIONAL, data_key="variation_id")
    current_quantity = Money(**OPTIONAL)
    discount_total = Money(**OPTIONAL)
    tax_total = Money(**OPTIONAL)


class OrderCouponSchema(PluginSchema):
    """A code that the buyer used. Its amount is without `tax_total`."""

    record = OrderCoupon

    code = Text(required=True, blank=False, longest=500)
    amount = Money(**OPTIONAL)
    tax_total = Money(**OPTIONAL)


class RefundItemSchema(PluginSchema):
    """What a refund gives back for one line; positive."""

    record = RefundItem

    line_external_id = Reference(**OPTIONAL, data_key="line_id")
    kind = OneOf(LINE_KINDS, load_default="product")
    quantity = Money(**OPTIONAL)
    amount = Money(**OPTIONAL)
    tax_total = Money(**OPTIONAL)


class RefundSchema(PluginSchema):
    """A refund. `amount` is positive and with tax."""

    record = Refund

    external_id = Reference(**OPTIONAL, data_key="refund_id")
    created_at = Timestamp(**OPTIONAL)
    amount = Money(required=True)
    reason = Text(**OPTIONAL)
    items = Records(RefundItemSchema, most=MOST_ITEMS)


class OrderSchema(PluginSchema):
    """An order (FR2). Without `items` it has no lines, without `refunds` none.

    Whether it adds up is checked if `amounts_include_tax` says how its lines are stated.
    """

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
    number = Text(**OPTIONAL, longest=200)
    financial_status = Text(**OPTIONAL, longest=100)
    fulfillment_status = Text(**OPTIONAL, longest=100)
    platform_status = Text(**OPTIONAL, longest=100)
    is_test = Flag(**OPTIONAL)
    paid_at = Timestamp(**OPTIONAL)
    completed_at = Timestamp(**OPTIONAL)
    cancelled_at = Timestamp(**OPTIONAL)
    cancel_reason = Text(**OPTIONAL)
    channel = Text(**OPTIONAL, longest=200)
    ship_country = Text(**OPTIONAL, longest=100)
    ship_region = Text(**OPTIONAL, longest=100)
    prices_include_tax = Flag(**OPTIONAL)
    amounts_include_tax = Flag(**OPTIONAL)
    presentment_currency = Text(**OPTIONAL, longest=20)
    presentment_total = Money(**OPTIONAL)
    fee_total = Money(**OPTIONAL)
    tip_total = Money(**OPTIONAL)
    platform_discount_total = Money(**OPTIONAL)
    refunded_total = Money(**OPTIONAL)
    coupons = Records(OrderCouponSchema, most=MOST_ITEMS)
    refunds = Records(RefundSchema, most=MOST_ITEMS)
