"""Refunds that a plugin posts apart from their orders."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import ExternalId, Money, OneOf, Records, Text, Timestamp
from schemas.plugin.orders import MOST_ITEMS, OPTIONAL, RefundItemSchema
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import OrderRefund

STATUSES = ("pending", "completed", "refused")

EXAMPLE: dict[str, Any] = {
    "wc_refund_id": 31,
    "wc_order_id": 1001,
    "status": "completed",
    "amount": "50.00",
    "reason": "too small",
    "created_at": "2026-01-20T09:00:00Z",
    "updated_at": "2026-01-20T09:00:00Z",
    "items": [{"line_id": 7, "quantity": 1, "amount": "50.00"}],
}


class OrderRefundSchema(PluginSchema):
    """A refund. `amount` is positive and with tax; it may come before its order."""

    record = OrderRefund

    external_id = ExternalId(required=True, data_key="wc_refund_id")
    order_external_id = ExternalId(required=True, data_key="wc_order_id")
    status = OneOf(STATUSES, required=True)
    amount = Money(required=True)
    reason = Text(**OPTIONAL)
    created_at = Timestamp(**OPTIONAL)
    updated_at = Timestamp(**OPTIONAL)
    items = Records(RefundItemSchema, most=MOST_ITEMS)
