"""Opens the client of a shop by its platform.

How the pull engine uses it:

    shop = open_shop(access, limits, tokens, Clock())
    source = shop.source("orders", Window(updated_from=...))
    page = source.fetch(cursor)           # outside any transaction; ends within about a minute
    ... read page.records with schemas.platforms, write them, store page.cursor: one transaction ...
    shop.close()

- `open_shop` and `source` make no call. `fetch(None)` is the first page. A cursor may be stored and used by another process
  with the same entity and window; `None` ends the window. A page may be empty and yet not be the last.
- Retryable PlatformError: repeat with the same cursor after `retry_after` seconds, if given. Otherwise the pull fails with its
  code and message.
- Totals: TikTok Shop sends them with each page (`page.total`), WooCommerce with the first. For Shopify, `shop.count(entity,
  window)` makes one more call; it returns None without a call if the platform has no such count.
- The watermark is a moment of the platform's clock, at the latest `page.server_time` of the first page: everything in the
  window that changed before it is on this page or a later one.
- To stop early, store the cursor and continue with the same window, also in another pull: one second may hold more records
  than a pull may read. TikTok orders with `updated_from` ascend by `update_time`, so everything before the last record's second
  has been read. Pages by id (Shopify without `updated_from`) can also continue with `after_id`. Nothing else comes in the order
  of updates. A full pull of TikTok orders that may stop early should set `updated_from` to a moment before the shop existed;
  without it, orders come by creation. WooCommerce orders come by id.
"""

from __future__ import annotations

from collections.abc import Callable

from workers.platforms.common.http import Clock
from workers.platforms.common.interface import CallLimits, PlatformError, Shop, ShopAccess
from workers.platforms.common.token_store import TokenStore
from workers.platforms.shopify.shop import open_shopify
from workers.platforms.tiktok.shop import open_tiktok
from workers.platforms.woocommerce.shop import open_woocommerce

Opener = Callable[[ShopAccess, CallLimits, TokenStore, Clock], Shop]
OPENERS: dict[str, Opener] = {
    "shopify": open_shopify,
    "tiktok": open_tiktok,
    "woocommerce": open_woocommerce,
}


def open_shop(access: ShopAccess, limits: CallLimits, tokens: TokenStore, clock: Clock) -> Shop:
    """A client for one shop. `tokens` stores tokens that expire.

    Raises PlatformError, permanent, for a refused address, incomplete credentials, or a platform without pulls.
    """
    opener = OPENERS.get(access.platform)
    if opener is None:
        raise PlatformError("PLATFORM_NOT_PULLED", "Records of this platform are posted, not pulled.", retryable=False)
    return opener(access, limits, tokens, clock)
