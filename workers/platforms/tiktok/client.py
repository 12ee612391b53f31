"""TikTok Shop's Partner API: signed calls for one shop, with a token that is always valid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from workers.platforms.common.address import ShopAddress
from workers.platforms.common.answers import Answer
from workers.platforms.common.failures import bad_credentials, no_such_entity, revoked
from workers.platforms.common.http import Clock, PlatformHttp, Request
from workers.platforms.common.interface import PlatformError, Source, Window
from workers.platforms.common.pacing import AdaptiveRate
from workers.platforms.common.token_store import TokenKeeper, TokenStore
from workers.platforms.common.variations import VariationSource
from workers.platforms.tiktok.errors import TOKEN_EXPIRED, failure_of
from workers.platforms.tiktok.orders import CreatedOrderSource, UpdatedOrderSource
from workers.platforms.tiktok.products import ProductSource, skus_of
from workers.platforms.tiktok.returns import RefundSource
from workers.platforms.tiktok.search import Data
from workers.platforms.tiktok.sign import sign
from workers.platforms.tiktok.tokens import EARLY_SECONDS, renewal

API_URL = "https://open-api.tiktokglobalshop.com"
AUTH_URL = "https://auth.tiktok-shops.com"
AUTH_HOSTS = ("auth.tiktok-shops.com",)  # as TikTok Shop documents
SHOPS_PATH = "/authorization/202309/shops"


@dataclass(frozen=True, slots=True)
class App:
    """The app, and the shop it calls for. `shop_cipher` None: the token's only shop."""

    key: str
    secret: str
    shop_cipher: str | None


@dataclass(frozen=True, slots=True)
class Hosts:
    api: ShopAddress
    auth: ShopAddress


class TiktokShop:
    """One shop; implements `common.interface.Shop`. `per_second`: the calls per second to start with."""

    def __init__(self, hosts: Hosts, app: App, store: TokenStore, per_second: float, clock: Clock) -> None:
        def failure(answer: Answer) -> PlatformError | None:
            return failure_of(answer, clock.unix())

        self._app = app
        self._clock = clock
        self._http = PlatformHttp(hosts.api, AdaptiveRate(per_second, clock.monotonic), failure, clock)
        self._auth_http = PlatformHttp(hosts.auth, AdaptiveRate(per_second, clock.monotonic), failure, clock)
        self._tokens = TokenKeeper(store, renewal(self._auth_http, app.key, app.secret), clock, EARLY_SECONDS)

    def source(self, entity: str, window: Window) -> Source:
        if entity == "products":
            return ProductSource(self.search, window, self._clock)
        if entity == "variations":
            return VariationSource(ProductSource(self.search, window, self._clock), skus_of)
        if entity == "refunds":
            return RefundSource(self.search, window)
        if entity != "orders":
            raise no_such_entity()
        if window.updated_from is None:
            return CreatedOrderSource(self.search, window)
        return UpdatedOrderSource(self.search, window)

    def count(self, entity: str, window: Window) -> int | None:
        # Each page has the total.
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
        if self._app.shop_cipher is None:
            self._app = replace(self._app, shop_cipher=self._only_cipher(deadline))
        return self._app.shop_cipher or ""

    def _only_cipher(self, deadline: float) -> str:
        # This endpoint refuses a cipher. Without exactly one shop the credentials must name the cipher.
        shops = _data(self._call("GET", SHOPS_PATH, {}, b"", deadline)).get("shops")
        if not isinstance(shops, list) or len(shops) != 1 or not shops[0].get("cipher"):
            raise bad_credentials()
        return str(shops[0]["cipher"])

    def _call(self, method: str, path: str, query: Mapping[str, str], body: bytes, deadline: float) -> Answer:
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
