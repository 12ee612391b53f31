"""The platforms that Sluice knows."""

from __future__ import annotations

from schemas.platforms.descriptor import Platform
from schemas.platforms.shopify.descriptor import SHOPIFY
from schemas.platforms.tiktok.descriptor import TIKTOK
from schemas.platforms.woocommerce.descriptor import WOOCOMMERCE

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in (WOOCOMMERCE, SHOPIFY, TIKTOK)}
