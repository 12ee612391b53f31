"""Whose SKU it is: products and variations share one set, and the trash keeps its own."""

from __future__ import annotations

import html

from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import JsonObject, ShopState, folded

ESCAPED_IN_LOOKUPS = frozenset(
    "\"'\\"
)  # for these the shop misses its own duplicates, until its lookup table refuses them


def free_sku(shop: ShopState, own_id: int, sku: str) -> str:
    """The SKU if no other product has it; `own_id` is 0 for a new product.

    Only a create meets the lookup table, so an existing product may take the SKU of a trashed one.
    """
    owner = shop.skus.get(folded(sku)) if sku else None
    if owner is None or owner == own_id:
        return sku
    held_by = shop.products.get(owner)  # None: the row of a product that is gone was left behind
    if held_by is None or held_by["status"] == "trash" or ESCAPED_IN_LOOKUPS & set(sku):
        if own_id:
            return sku
        told = html.escape(sku).replace("&#x27;", "&#039;")
        message = f"The product with SKU ({told}) you are trying to insert is already present in the lookup table"
        raise ApiError(400, "woocommerce_rest_product_not_created", message)
    suffix = 1
    while folded(f"{sku}-{suffix}") in shop.skus:
        suffix += 1
    raise ApiError(
        400,
        "product_invalid_sku",
        "Invalid or duplicated SKU.",
        resource_id=owner,
        unique_sku=f"{sku}-{suffix}",
    )


def keep_sku(shop: ShopState, product: JsonObject, before: JsonObject | None) -> None:
    if before is not None:
        release_sku(shop, before)
    if product["sku"]:
        shop.skus[folded(product["sku"])] = product["id"]


def release_sku(shop: ShopState, product: JsonObject) -> None:
    if product["sku"] and shop.skus.get(folded(product["sku"])) == product["id"]:
        del shop.skus[folded(product["sku"])]
