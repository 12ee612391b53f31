"""Product categories of the plugin contract (specification 2)."""

from __future__ import annotations

from typing import Any

from schemas.base.fields import Count, ExternalId, Reference, Text
from schemas.plugin.record_schema import PluginSchema
from schemas.records.shop import Category

EXAMPLE: dict[str, Any] = {"wc_category_id": 10, "name": "Widgets", "parent_id": 0, "product_count": 7}


class CategorySchema(PluginSchema):
    """A category (FR10). A parent of null or 0 means none."""

    record = Category

    external_id = ExternalId(required=True, data_key="wc_category_id")
    name = Text(required=True, blank=False)
    parent_external_id = Reference(load_default=None, allow_none=True, data_key="parent_id")
    product_count = Count(load_default=None, allow_none=True)
