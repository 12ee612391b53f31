"""Customers of the plugin contract (specification 2)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import Count, EmailHash, ExternalId, Money, Text, Timestamp
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import Customer

EXAMPLE: dict[str, Any] = {
    "wc_customer_id": 42,
    "email": "anna@example.com",
    "display_name": "Anna",
    "total_spent": "310.50",
    "order_count": 3,
    "created_at": "2025-11-02T09:12:00Z",
}


class CustomerSchema(PluginSchema):
    """A customer (FR6). The envelope has replaced `email` by its hash (FR7)."""

    record = Customer

    external_id = ExternalId(required=True, data_key="wc_customer_id")
    email_hash = EmailHash(load_default=None, allow_none=True, data_key="email")
    display_name = Text(load_default=None, allow_none=True)
    total_spent = Money(load_default=None, allow_none=True)
    order_count = Count(load_default=None, allow_none=True)
    first_order_date = Timestamp(load_default=None, allow_none=True)
    last_order_date = Timestamp(load_default=None, allow_none=True)
    created_at = Timestamp(load_default=None, allow_none=True)
