"""Opens a Shopify shop."""

from __future__ import annotations

from workers.platforms.common.address import read_shop_url
from workers.platforms.common.credentials import required
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, ShopAccess
from workers.platforms.common.token_store import TokenStore
from workers.platforms.shopify.client import ShopifyRest
from workers.platforms.shopify.tokens import App


def open_shopify(access: ShopAccess, limits: CallLimits, tokens: TokenStore, clock: Clock) -> ShopifyRest:
    """With `client_id` and `client_secret` its tokens expire and are renewed; otherwise its token is permanent."""
    address = read_shop_url(access.url or "", allow_http=limits.allow_http, ports=limits.ports)
    if access.credentials.get("client_id"):
        app = App(required(access, "client_id"), required(access, "client_secret"))
        return ShopifyRest(address, app, tokens, clock)
    required(access, "access_token")
    return ShopifyRest(address, None, tokens, clock)
