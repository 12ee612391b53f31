"""The door to the platforms: a shop's client from its row and its credentials.

How the pull engine uses it, for one run:

    shop = open_shop(access, limits, desk, Clock())
    source = shop.source("orders", Window(updated_from=...))
    page = source.fetch(cursor)           # outside of any transaction; ends within about a minute
    ... read each of page.records with schemas.natives, write, keep page.cursor: one transaction ...
    shop.close()

- `open_shop` and `source` cost no call. `fetch(None)` is the first page. A page's cursor may be stored and used by another
  process, with a source of the same entity and window; `None` ends the walk. A page may be empty and yet not the last.
- A PlatformError that is retryable: the same cursor again later, after `retry_after` seconds if told. One that is not: the run
  fails with its code and message.
- Totals: TikTok Shop tells them on each page (`page.total`), WooCommerce on the first. At Shopify `shop.count(entity, window)`
  asks, for one call more; it answers None without a call where the platform has no such question.
- The watermark is a moment of the platform's clock, `page.server_time` of the first page at the latest: what changed before
  it, and lies in the window, is on this page or a later one.
- Who stops early best keeps the cursor and goes on from it with the same window, in another run too: one second may hold more
  records than a run may read. Order: TikTok orders with `updated_from` ascend in `update_time`, so that everything before the
  last record's second has been read. Walks by id (Shopify, no `updated_from`) may also go on with `after_id`.
  Nothing else comes in the order of updates. A full pull of TikTok orders that may be stopped early should therefore set
  `updated_from` to a moment before the shop was; without it the walk is by creation. WooCommerce's orders come by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workers.platforms.common.address import read_shop_url
from workers.platforms.common.failures import bad_credentials
from workers.platforms.common.http import Clock
from workers.platforms.common.interface import PlatformError, Shop
from workers.platforms.common.token_store import TokenDesk
from workers.platforms.shopify.client import ShopifyRest
from workers.platforms.shopify.tokens import App
from workers.platforms.tiktok.client import API_URL, AUTH_URL, Hosts, TiktokShop
from workers.platforms.tiktok.client import App as TiktokApp
from workers.platforms.woocommerce.client import open_client
from workers.platforms.woocommerce.orders import WooCommerceShop


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """What the store's row and its decrypted credentials say. `url` None: the platform's own address."""

    platform: str
    url: str | None
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Settings: ALLOW_HTTP_SHOPS and TIKTOK_CALLS_PER_SECOND."""

    allow_http: bool
    tiktok_per_second: float


def open_shop(access: ShopAccess, limits: CallLimits, desk: TokenDesk, clock: Clock) -> Shop:
    """A client for one shop. `desk` keeps the tokens of a shop whose tokens end.

    Raises PlatformError, permanent, for a refused address, incomplete credentials or a platform that can't be pulled.
    """
    if access.platform == "shopify":
        return _shopify(access, limits, desk, clock)
    if access.platform == "tiktok":
        return _tiktok(access, limits, desk, clock)
    if access.platform == "woocommerce":
        client = open_client(access.url or "", access.credentials, clock, allow_http=limits.allow_http)
        return WooCommerceShop(client)
    raise PlatformError("PLATFORM_NOT_PULLED", "Records of this platform are posted, not pulled.", retryable=False)


def _shopify(access: ShopAccess, limits: CallLimits, desk: TokenDesk, clock: Clock) -> ShopifyRest:
    """With `client_id` and `client_secret` its tokens end, and are renewed; without, there is one for good."""
    address = read_shop_url(access.url or "", allow_http=limits.allow_http)
    if access.credentials.get("client_id"):
        app = App(_required(access, "client_id"), _required(access, "client_secret"))
        return ShopifyRest(address, app, desk, clock)
    _required(access, "access_token")
    return ShopifyRest(address, None, desk, clock)


def _tiktok(access: ShopAccess, limits: CallLimits, desk: TokenDesk, clock: Clock) -> TiktokShop:
    hosts = Hosts(
        api=read_shop_url(access.url or API_URL, allow_http=limits.allow_http),
        auth=read_shop_url(access.credentials.get("auth_url") or AUTH_URL, allow_http=limits.allow_http),
    )
    for token in ("access_token", "refresh_token"):
        _required(access, token)
    cipher = access.credentials.get("shop_cipher") or None
    app = TiktokApp(_required(access, "app_key"), _required(access, "app_secret"), cipher)
    return TiktokShop(hosts, app, desk, limits.tiktok_per_second, clock)


def _required(access: ShopAccess, name: str) -> str:
    value = access.credentials.get(name)
    if not value:
        raise bad_credentials()
    return value
