"""The field groups of a product, each requested by itself, and the hash that tells one statement of the ERP from another."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.records.erp import ErpCategory, ErpProduct
from workers.outbound.planning.sanitize import clean_description, clean_name

# In the order of their priority. An item of type "product" asks for all of them.
FIELD_GROUPS = ("price", "stock", "product", "category", "image")
OPTIONAL = {
    "price": ("regular_price", "sale_price"),
    "stock": ("manage_stock", "stock_quantity"),
    "product": ("description",),
}
CLEARABLE = {"category": "category_ids", "image": "image_urls"}
_canonical = msgspec.json.Encoder(order="deterministic").encode


def hash_groups(product: ErpProduct) -> dict[str, str]:
    """One hash per field group, over the ERP's values as they are sent."""
    values: dict[str, Any] = {
        "price": [product.regular_price, product.sale_price, product.sale_from, product.sale_to],
        "stock": [product.manage_stock, product.stock_quantity],
        "product": [
            product.sku,
            clean_name(product.name),
            product.description and clean_description(product.description),
        ],
        "category": sorted(str(category_id) for category_id in product.category_ids),
        "image": product.image_urls,
    }
    if product.parent_id is not None:
        values["product"] += [str(product.parent_id), product.attributes]
    # A field that is left out differs from one that is cleared. What earlier versions could say has the hash it had then.
    for group, lists in CLEARABLE.items():
        if lists in product.stated_fields and not values[group]:
            values[group] = "cleared"
    left_out = {
        group: [name for name in optional if name not in product.stated_fields] for group, optional in OPTIONAL.items()
    }
    return {group: _hash([value, left_out[group]] if left_out.get(group) else value) for group, value in values.items()}


def hash_category(category: ErpCategory) -> str:
    return _hash([clean_name(category.name), str(category.parent_id)])


def changed_groups(current: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(group for group in FIELD_GROUPS if current[group] != before.get(group))


def requested_groups(sync_types: Collection[str]) -> tuple[str, ...]:
    return FIELD_GROUPS if "product" in sync_types else tuple(group for group in FIELD_GROUPS if group in sync_types)


def _hash(value: Any) -> str:
    return hashlib.blake2b(_canonical(value), digest_size=12).hexdigest()
