"""Which entities of which platforms are pulled."""

from __future__ import annotations

PULLED: dict[str, tuple[str, ...]] = {
    "shopify": ("orders", "products", "customers"),
    "tiktok": ("orders", "products"),
    "woocommerce": ("orders",),
}
