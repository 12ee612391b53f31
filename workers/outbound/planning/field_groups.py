"""The field groups of a product, each sent by itself, and the hash that tells whether the shop has its current values."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.records.erp import ErpCategory, ErpProduct
from workers.outbound.planning.sanitize import clean_description, clean_name

# In the order of their priority. An item of type "product" asks for all of them.
FIELD_GROUPS = ("price", "stock", "product", "category", "image")
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
    return {group: _hash(value) for group, value in values.items()}


def hash_category(category: ErpCategory) -> str:
    return _hash([clean_name(category.name), str(category.parent_id)])


def changed_groups(current: Mapping[str, str], sent: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(group for group in FIELD_GROUPS if current[group] != sent.get(group))


def requested_groups(sync_types: Collection[str]) -> tuple[str, ...]:
    return FIELD_GROUPS if "product" in sync_types else tuple(group for group in FIELD_GROUPS if group in sync_types)


def _hash(value: Any) -> str:
    return hashlib.blake2b(_canonical(value), digest_size=12).hexdigest()
