"""Opens a WooCommerce shop whose orders are pulled."""

from __future__ import annotations

from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, ShopAccess
from workers.platforms.common.token_store import TokenStore
from workers.platforms.woocommerce.client import open_client
from workers.platforms.woocommerce.orders import WooCommerceShop


def open_woocommerce(access: ShopAccess, limits: CallLimits, _tokens: TokenStore, clock: Clock) -> WooCommerceShop:
    # Its keys do not expire, so no token is stored.
    return WooCommerceShop(
        open_client(
            access.url or "",
            access.credentials,
            clock,
            allow_http=limits.allow_http,
            ports=limits.ports,
            networks=limits.networks,
            key_in_query=access.key_in_query,
            remember_key_in_query=access.remember_key_in_query,
        )
    )
