"""TikTok Shop's Partner API as sources of pages: signed calls, and three walks.

Orders without `updated_from` are walked in the order of their creation, which never changes, so that pages can't drift;
`updated_until` plays no part. Orders with `updated_from` come in ascending order of `update_time`. There a page token would
drift: an edited order leaves its place, the rest moves up, and one order slips past the border between two pages. So each page
is asked for anew, from the last second read, and what was handed out is left out. Products come in TikTok's own order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import msgspec

from workers.platforms.address import ShopAddress
from workers.platforms.base import Page, PlatformError, Source, Window
from workers.platforms.failures import bad_credentials, no_such_entity, revoked, unreadable
from workers.platforms.http import Answer, Clock, PlatformHttp, Request
from workers.platforms.pacing import AdaptiveRate
from workers.platforms.tiktok_errors import TOKEN_EXPIRED, judge
from workers.platforms.tiktok_sign import sign
from workers.platforms.tiktok_tokens import TokenDesk, TokenKeeper

API_URL = "https://open-api.tiktokglobalshop.com"
AUTH_URL = "https://auth.tiktok-shops.com"
ORDERS_PATH = "/order/202309/orders/search"
PRODUCTS_PATH = "/product/202502/products/search"
SHOPS_PATH = "/authorization/202309/shops"
PAGE_SIZE = 100

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class App:
    """The app that calls, and the shop it calls for: `shop_cipher` is None where the token's only shop is meant."""

    key: str
    secret: str
    shop_cipher: str | None


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where the API is, and where tokens are refreshed."""

    api: ShopAddress
    auth: ShopAddress


class TiktokShop:
    """One shop. See `base.Shop`; `per_second` is how many calls a second it is asked to bear."""

    def __init__(self, hosts: Hosts, app: App, desk: TokenDesk, per_second: float, clock: Clock) -> None:
        def judged(answer: Answer) -> PlatformError | None:
            return judge(answer, clock.unix())

        self._app = app
        self._clock = clock
        self._http = PlatformHttp(hosts.api, AdaptiveRate(per_second, clock.monotonic), judged, clock)
        self._auth_http = PlatformHttp(hosts.auth, AdaptiveRate(per_second, clock.monotonic), judged, clock)
        self._tokens = TokenKeeper(desk, self._auth_http, app.key, app.secret, clock)

    def source(self, entity: str, window: Window) -> Source:
        """Orders or products."""
        if entity == "products":
            return ProductSource(self, window)
        if entity != "orders":
            raise no_such_entity()
        return CreatedOrderSource(self, window) if window.updated_from is None else UpdatedOrderSource(self, window)

    def count(self, entity: str, window: Window) -> int | None:
        """Always None: each page tells the total by itself."""
        return None

    def close(self) -> None:
        self._http.close()
        self._auth_http.close()

    def search(self, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> tuple[Data, datetime | None]:
        """One good answer of a search in this shop: its data, and the platform's clock."""
        deadline = self._http.deadline()
        in_shop = {**query, "shop_cipher": self._shop_cipher(deadline)}
        answer = self._call("POST", path, in_shop, msgspec.json.encode(body), deadline)
        return _data(answer), answer.server_time

    def _shop_cipher(self, deadline: float) -> str:
        """The shop's cipher, asked for once where the credentials leave it out."""
        if self._app.shop_cipher is None:
            self._app = replace(self._app, shop_cipher=self._only_cipher(deadline))
        return self._app.shop_cipher or ""

    def _only_cipher(self, deadline: float) -> str:
        """This endpoint refuses a cipher. Raises PlatformError where the token is for no shop, or for several."""
        shops = _data(self._call("GET", SHOPS_PATH, {}, b"", deadline)).get("shops")
        if not isinstance(shops, list) or len(shops) != 1 or not shops[0].get("cipher"):
            raise bad_credentials()
        return str(shops[0]["cipher"])

    def _call(self, method: str, path: str, query: Mapping[str, str], body: bytes, deadline: float) -> Answer:
        """A signed call; where the token is refused, one more with another token."""
        token = self._tokens.current(deadline)
        answer = self._unless_expired(method, path, query, body, token, deadline)
        if answer is None:
            token = self._tokens.replaced(token, deadline)
            answer = self._unless_expired(method, path, query, body, token, deadline)
        if answer is None:
            raise revoked()
        return answer

    def _unless_expired(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, token: str, deadline: float
    ) -> Answer | None:
        """The good answer; None where the token is no longer accepted."""
        try:
            return self._http.call(lambda: self._signed(method, path, query, body, token), deadline)
        except PlatformError as error:
            if error.code != TOKEN_EXPIRED:
                raise
            return None

    def _signed(self, method: str, path: str, query: Mapping[str, str], body: bytes, token: str) -> Request:
        full = {**query, "app_key": self._app.key, "timestamp": str(int(self._clock.unix()))}
        full["sign"] = sign(self._app.secret, path, full, body)
        headers = {"content-type": "application/json", "x-tts-access-token": token}
        url = f"{self._http.base}{path}?{urlencode(full, quote_via=quote, safe='')}"
        return Request(method, url, headers, body or None)


def _data(answer: Answer) -> Data:
    data = answer.document.get("data")
    return data if isinstance(data, dict) else {}


def records_of(data: Data, name: str) -> list[Data]:
    """The records of a page; none where the platform leaves the list out."""
    records = data.get(name) or []
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise unreadable()
    return records


def _total(data: Data) -> int | None:
    total = data.get("total_count")
    return total if type(total) is int else None


def _paging(token: str) -> dict[str, str]:
    return {"page_size": str(PAGE_SIZE), **({"page_token": token} if token else {})}


def _bounds(**moments: datetime | None) -> dict[str, int]:
    """The seconds that the moments lie in, by parameter; an open bound is left out."""
    return {name: int(moment.timestamp()) for name, moment in moments.items() if moment is not None}


class CreatedOrderSource:
    """Orders in the order of their creation. The cursor is the platform's page token."""

    def __init__(self, shop: TiktokShop, window: Window) -> None:
        self._shop = shop
        self._window = window

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records."""
        query = {**_paging(cursor or ""), "sort_field": "create_time", "sort_order": "ASC"}
        data, server_time = self._shop.search(ORDERS_PATH, query, _bounds(create_time_ge=self._window.created_from))
        return Page(records_of(data, "orders"), data.get("next_page_token") or None, _total(data), server_time)


class ProductSource:
    """Products in the platform's order. The cursor is its page token. Its upper bounds are inclusive here."""

    def __init__(self, shop: TiktokShop, window: Window) -> None:
        self._shop = shop
        self._window = window

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records."""
        body = _bounds(create_time_ge=self._window.created_from, update_time_ge=self._window.updated_from)
        if self._window.updated_until is not None:
            body["update_time_le"] = int(self._window.updated_until.timestamp()) - 1
        data, server_time = self._shop.search(PRODUCTS_PATH, _paging(cursor or ""), body)
        return Page(records_of(data, "products"), data.get("next_page_token") or None, _total(data), server_time)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk by `update_time` stands: everything before the second `since` was handed out, and the orders `seen` of it.

    `crowded`: more orders bear that one second than a page holds. Then they alone are asked for, page by page, by `token`;
    `crowd` is how many there were, for as long as none leaves the token holds good.
    """

    since: int
    seen: frozenset[str] = frozenset()
    total: int | None = None
    crowded: bool = False
    token: str = ""
    crowd: int | None = None


def write_place(place: Place) -> str:
    """The cursor as text."""
    parts: dict[str, str | int | None] = {
        "since": place.since,
        "seen": ",".join(sorted(place.seen)),
        "total": place.total,
    }
    if place.crowded:
        parts |= {"crowded": 1, "token": place.token, "crowd": place.crowd}
    return urlencode({name: value for name, value in parts.items() if value not in ("", None)})


def read_place(cursor: str) -> Place:
    """The place that a cursor names, as `write_place` wrote it."""
    found = {name: values[0] for name, values in parse_qs(cursor, strict_parsing=True).items()}
    return Place(
        since=int(found["since"]),
        seen=frozenset(found["seen"].split(",")) if "seen" in found else frozenset(),
        total=int(found["total"]) if "total" in found else None,
        crowded="crowded" in found,
        token=found.get("token", ""),
        crowd=int(found["crowd"]) if "crowd" in found else None,
    )


class UpdatedOrderSource:
    """Orders in ascending order of `update_time`: what a run has read up to any page may be told by the last record's time."""

    def __init__(self, shop: TiktokShop, window: Window) -> None:
        self._shop = shop
        self._window = window
        self._bounds = _bounds(update_time_ge=window.updated_from, update_time_lt=window.updated_until)

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records, none of them handed out by the page before; it may be none at all in a crowded second."""
        place = read_place(cursor) if cursor else Place(self._bounds["update_time_ge"])
        query = {**_paging(place.token), "sort_field": "update_time", "sort_order": "ASC"}
        data, server_time = self._shop.search(ORDERS_PATH, query, self._body(place))
        orders, token = records_of(data, "orders"), data.get("next_page_token") or ""
        total = _total(data) if place.total is None else place.total
        following = self._following(replace(place, total=total), orders, token, _total(data))
        fresh = [order for order in orders if not (order.get("id") in place.seen and time_of(order) == place.since)]
        return Page(fresh, write_place(following) if following else None, total, server_time)

    def _body(self, place: Place) -> dict[str, int]:
        body = {**self._bounds, "update_time_ge": place.since}
        return {**body, "update_time_lt": place.since + 1} if place.crowded else body

    def _following(self, place: Place, orders: list[Data], token: str, count: int | None) -> Place | None:
        """The place after a page; None at the end."""
        if place.crowded:
            return after_crowd(place, token, count)
        if not token or not orders:
            return None
        last = time_of(orders[-1])
        if last <= place.since:
            return Place(place.since, place.seen, place.total, crowded=True)
        seen = frozenset(str(order.get("id")) for order in orders if time_of(order) == last)
        return Place(last, seen, place.total)


def after_crowd(place: Place, token: str, count: int | None) -> Place:
    """The place after a page of a crowded second: begun again where an order left it, for then the rest has moved up."""
    if place.crowd is not None and count is not None and count < place.crowd:
        return replace(place, token="", crowd=None)
    if token:
        return replace(place, token=token, crowd=count)
    return Place(place.since + 1, total=place.total)


def time_of(order: Data) -> int:
    """When an order was last changed. Raises PlatformError where it does not say: the walk could not go on rightly."""
    moment = order.get("update_time")
    if type(moment) is not int:
        raise unreadable()
    return moment
