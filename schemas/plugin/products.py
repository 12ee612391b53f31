"""Products of the plugin contract (specification 2)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import ExternalId, Money, Reference, Text, Timestamp
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import Product

EXAMPLE: dict[str, Any] = {
    "wc_product_id": 501,
    "name": "Blue Widget",
    "sku": "BW-001",
    "price": "24.99",
    "category_id": 10,
    "stock_quantity": 12,
    "updated_at": "2026-01-14T08:00:00Z",
}


class ProductSchema(PluginSchema):
    """A product (FR2)."""

    record = Product

    external_id = ExternalId(required=True, data_key="wc_product_id")
    name = Text(required=True, blank=False)
    sku = Text(load_default=None, allow_none=True)
    price = Money(load_default=None, allow_none=True)
    regular_price = Money(load_default=None, allow_none=True)
    sale_price = Money(load_default=None, allow_none=True)
    category_external_id = Reference(load_default=None, allow_none=True, data_key="category_id")
    category_name = Text(load_default=None, allow_none=True)
    stock_quantity = Money(load_default=None, allow_none=True)
    stock_status = Text(load_default=None, allow_none=True, longest=100)
    status = Text(load_default=None, allow_none=True, longest=100)
    type = Text(load_default=None, allow_none=True, longest=100)
    created_at = Timestamp(load_default=None, allow_none=True)
    updated_at = Timestamp(load_default=None, allow_none=True)
