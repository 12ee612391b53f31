"""Shopify."""

from __future__ import annotations

from schemas.platforms.descriptor import CredentialField, Platform
from schemas.platforms.payload import payload_of
from schemas.platforms.shopify.catalogue import ShopifyCustomer, ShopifyProduct, to_customer, to_product
from schemas.platforms.shopify.orders import ShopifyOrder, to_order
from schemas.platforms.shopify.variations import ShopifyVariation, to_variation

SHOPIFY = Platform(
    name="shopify",
    title="Shopify",
    payloads={
        "orders": payload_of(ShopifyOrder, to_order),
        "products": payload_of(ShopifyProduct, to_product),
        "customers": payload_of(ShopifyCustomer, to_customer),
        "variations": payload_of(ShopifyVariation, to_variation),
    },
    modes=("incremental", "update", "populate", "upsert", "fill"),
    credentials=(
        CredentialField("access_token", "Access token (shpat_…)"),
        CredentialField("api_secret", "API secret", is_required=False),
    ),
)
