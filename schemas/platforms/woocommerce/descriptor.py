"""WooCommerce: a plugin posts, orders can also be pulled, and shops can be synced from an ERP."""

from __future__ import annotations

from schemas.platforms.descriptor import CredentialField, Platform
from schemas.platforms.payload import payload_of
from schemas.platforms.woocommerce.orders import WooOrder, to_order

WOOCOMMERCE = Platform(
    name="woocommerce",
    title="WooCommerce",
    payloads={"orders": payload_of(WooOrder, to_order)},
    posted=("orders", "products", "customers"),
    modes=("incremental", "update", "full", "fill"),
    credentials=(
        CredentialField("consumer_key", "Consumer key (ck_…)"),
        CredentialField("consumer_secret", "Consumer secret (cs_…)"),
        CredentialField("webhook_secret", "Webhook secret", is_required=False),
    ),
    takes_outbound=True,
)
