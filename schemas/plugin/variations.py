"""Variations of products of the plugin contract."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import ExternalId, Money, Records, Reference, Text, Timestamp
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import Variation, VariationAttribute

MOST_ATTRIBUTES = 100
OPTIONAL: dict[str, Any] = {"load_default": None, "allow_none": True}

EXAMPLE: dict[str, Any] = {
    "wc_variation_id": 502,
    "wc_product_id": 501,
    "name": "Blue Widget - M",
    "sku": "BW-001-M",
    "barcode": "4006381333931",
    "price": "24.99",
    "regular_price": "29.99",
    "sale_price": "24.99",
    "stock_quantity": 4,
    "stock_status": "instock",
    "status": "publish",
    "attributes": [{"name": "Colour", "option": "blue"}, {"name": "Size", "option": "M"}],
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-14T08:00:00Z",
}


class VariationAttributeSchema(PluginSchema):
    """One attribute. Without an option the variation stands for any."""

    record = VariationAttribute

    name = Text(required=True, blank=False, longest=500)
    option = Text(**OPTIONAL)


class VariationSchema(PluginSchema):
    """A variation of a product."""

    record = Variation

    external_id = ExternalId(required=True, data_key="wc_variation_id")
    product_external_id = Reference(**OPTIONAL, data_key="wc_product_id")
    name = Text(**OPTIONAL)
    sku = Text(**OPTIONAL)
    barcode = Text(**OPTIONAL, longest=200)
    price = Money(**OPTIONAL)
    regular_price = Money(**OPTIONAL)
    sale_price = Money(**OPTIONAL)
    stock_quantity = Money(**OPTIONAL)
    stock_status = Text(**OPTIONAL, longest=100)
    status = Text(**OPTIONAL, longest=100)
    attributes = Records(VariationAttributeSchema, most=MOST_ATTRIBUTES)
    created_at = Timestamp(**OPTIONAL)
    updated_at = Timestamp(**OPTIONAL)
