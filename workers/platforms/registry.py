"""Opens a shop: its client from the store's row and its credentials.

How the pull engine uses it, for one run:

    shop = open_shop(access, limits, tokens, Clock())
    source = shop.source("orders", Window(updated_from=...))
    page = source.fetch(cursor)           # outside of any transaction; ends within about a minute
    ... read each of page.records with schemas.platforms, write, keep page.cursor: one transaction ...
    shop.close()

- `open_shop` and `source` cost no call. `fetch(None)` is the first page. A page's cursor may be stored and used by another
  process, with a source of the same entity and window; `None` ends the walk. A page may be empty and yet not the last.
- A PlatformError that is retryable: the same cursor again later, after `retry_after` seconds if told. One that is not: the run
  fails with its code and message.
- Totals: TikTok Shop tells them on each page (`page.total`), WooCommerce on the first. At Shopify `shop.count(entity, window)`
  asks, for one call more; it answers None without a call where the platform has no such question.
- The watermark is a moment of the platform's clock, `page.server_time` of the first page at the latest: what changed before
  it, and lies in the window, is on this page or a later one.
- To stop early, save the cursor and go on from it with the same window, in another run too: one second may hold more records
  than a run may read. Order: TikTok orders with `updated_from` ascend in `update_time`, so that everything before the
  last record's second has been read. Walks by id (Shopify, no `updated_from`) may also go on with `after_id`.
  Nothing else comes in the order of updates. A full pull of TikTok orders that may be stopped early should therefore set
  `updated_from` to a moment before the shop was; without it the walk is by creation. WooCommerce's orders come by id.
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
    """A client for one shop. `tokens` keeps the tokens of a shop whose tokens end.

    Raises PlatformError, permanent, for a refused address, incomplete credentials or a platform that can't be pulled.
    """
    opener = OPENERS.get(access.platform)
    if opener is None:
        raise PlatformError("PLATFORM_NOT_PULLED", "Records of this platform are posted, not pulled.", retryable=False)
    return opener(access, limits, tokens, clock)
