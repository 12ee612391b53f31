"""The parts of a product that can be sent by themselves, and the hash that tells whether the shop has each as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.records.shop import ErpCategory, ErpProduct

# What each type of item brings up to date: a product's own type stands for all of it.
PARTS = ("price", "stock", "product", "category", "image")
_canonical = msgspec.json.Encoder(order="deterministic").encode


def part_hashes(product: ErpProduct) -> dict[str, str]:
    """One hash for each part, over what the ERP says and nothing of the shop's."""
    parts: dict[str, Any] = {
        "price": [product.regular_price, product.sale_price, product.sale_from, product.sale_to],
        "stock": [product.manage_stock, product.stock_quantity],
        "product": [product.sku, product.name, product.description],
        "category": sorted(str(category_id) for category_id in product.category_ids),
        "image": product.image_urls,
    }
    return {part: _hash(value) for part, value in parts.items()}


def category_hash(category: ErpCategory) -> str:
    return _hash([category.name, str(category.parent_id)])


def changed_parts(ours: Mapping[str, str], sent: Mapping[str, str]) -> tuple[str, ...]:
    """The parts of which the shop has another state than the ERP, in the order of their priority."""
    return tuple(part for part in PARTS if ours[part] != sent.get(part))


def wanted_parts(sync_types: Collection[str]) -> tuple[str, ...]:
    """The parts that items of these types ask for."""
    return PARTS if "product" in sync_types else tuple(part for part in PARTS if part in sync_types)


def _hash(value: Any) -> str:
    return hashlib.blake2b(_canonical(value), digest_size=12).hexdigest()
