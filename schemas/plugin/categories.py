"""Product categories of the plugin contract (specification 2)."""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, post_load

from schemas.base.fields import Count, ExternalId, RecordSchema, Reference, Text
from schemas.records.shop import Category

EXAMPLE: dict[str, Any] = {"wc_category_id": 10, "name": "Widgets", "parent_id": 0, "product_count": 7}


class CategorySchema(RecordSchema):
    """A category (FR10). A parent of null or 0 means none."""

    class Meta:
        unknown = EXCLUDE

    external_id = ExternalId(required=True, data_key="wc_category_id")
    name = Text(required=True, blank=False)
    parent_external_id = Reference(load_default=None, allow_none=True, data_key="parent_id")
    product_count = Count(load_default=None, allow_none=True)

    @post_load
    def make(self, data: dict[str, Any], **_kwargs: Any) -> Category:
        return Category(**data)
