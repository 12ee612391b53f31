"""TikTok Shop."""

from __future__ import annotations

from schemas.platforms.descriptor import CredentialField, Platform
from schemas.platforms.payload import payload_of
from schemas.platforms.tiktok.orders import TiktokOrder, to_order
from schemas.platforms.tiktok.products import TiktokProduct, to_product
from schemas.platforms.tiktok.returns import TiktokRefund, to_refund
from schemas.platforms.tiktok.variations import TiktokVariation, to_variation

TIKTOK = Platform(
    name="tiktok",
    title="TikTok Shop",
    payloads={
        "orders": payload_of(TiktokOrder, to_order),
        "products": payload_of(TiktokProduct, to_product),
        "refunds": payload_of(TiktokRefund, to_refund),
        "variations": payload_of(TiktokVariation, to_variation),
    },
    modes=("incremental", "update", "full", "fill"),
    credentials=(
        CredentialField("app_key", "App key"),
        CredentialField("app_secret", "App secret"),
        CredentialField("access_token", "Access token"),
        CredentialField("refresh_token", "Refresh token"),
        CredentialField("access_token_expire_in", "Access token expires at (seconds since 1970)"),
        CredentialField("refresh_token_expire_in", "Refresh token expires at (seconds since 1970)"),
        CredentialField("shop_cipher", "Shop cipher"),
        CredentialField("auth_url", "URL of the authorisation server, if it is not TikTok's", is_required=False),
    ),
)
