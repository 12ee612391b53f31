"""Which entities a platform's stores have: what is pulled from them, and what one may ask about."""

from __future__ import annotations

from schemas.requests.pulls import JOB_TYPES

PULLED: dict[str, tuple[str, ...]] = {
    "shopify": ("orders", "products", "customers"),
    "tiktok": ("orders", "products"),
    "woocommerce": ("orders",),
}
# A WooCommerce shop's plugin posts what is not pulled from it.
EXPLAINED = PULLED | {"woocommerce": JOB_TYPES}


def refusal(platform: str, entity: str, known: dict[str, tuple[str, ...]]) -> str | None:
    """Words for whoever asks for an entity that stores of the platform don't have; None where they have it."""
    return None if entity in known[platform] else f"{platform} stores have " + ", ".join(known[platform])
