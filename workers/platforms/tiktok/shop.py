"""Opens a TikTok Shop."""

from __future__ import annotations

from workers.platforms.common.address import read_shop_url
from workers.platforms.common.credentials import required
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, ShopAccess
from workers.platforms.common.token_store import TokenStore
from workers.platforms.tiktok.client import API_URL, AUTH_HOSTS, AUTH_URL, App, Hosts, TiktokShop


def open_tiktok(access: ShopAccess, limits: CallLimits, tokens: TokenStore, clock: Clock) -> TiktokShop:
    hosts = Hosts(
        api=read_shop_url(access.url or API_URL, allow_http=limits.allow_http, ports=limits.ports),
        # This host receives the app's secret.
        auth=read_shop_url(
            access.credentials.get("auth_url") or AUTH_URL, allow_http=limits.allow_http, hosts=AUTH_HOSTS
        ),
    )
    for token in ("access_token", "refresh_token"):
        required(access, token)
    cipher = access.credentials.get("shop_cipher") or None
    app = App(required(access, "app_key"), required(access, "app_secret"), cipher)
    return TiktokShop(hosts, app, tokens, limits.tiktok_per_second, clock)
