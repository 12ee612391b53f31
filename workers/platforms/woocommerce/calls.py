"""One call to a shop: proved, bounded in time and size, and repeated only where the first one can't have reached the API."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from schemas.base.strict_json import dumps
from workers.platforms.common.address import ShopAddress
from workers.platforms.common.answers import Answer
from workers.platforms.common.failures import bad_certificate
from workers.platforms.common.http import USER_AGENT, Clock, is_about_certificate, read_body
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.answers import NotTheApi, data_of, read_document
from workers.platforms.woocommerce.auth import Pair, Param, ShopKey, encoded, query_pairs, signed_pairs
from workers.platforms.woocommerce.errors import NetworkError, WooCommerceApiError

TIMEOUT_SECONDS = 30.0
API = "/wc/v3"

Read = tuple[Any, Answer]


def _random_nonce() -> str:
    return secrets.token_hex(16)


class ShopCalls:
    """Calls to one shop, from any number of threads."""

    def __init__(
        self,
        address: ShopAddress,
        key: ShopKey,
        http: httpx.Client,
        clock: Clock,
        new_nonce: Callable[[], str] = _random_nonce,
    ) -> None:
        self._address = address
        self._key = key
        self._http = http
        self._clock = clock
        self._new_nonce = new_nonce
        self._plain_permalinks = False

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def call(self, method: str, path: str, params: Mapping[str, Param], body: Any = None) -> Read:
        """The JSON of an answer, and the answer. `path` follows `/wc/v3`; `body` goes out as JSON. Raises WooCommerceError.

        Where a shop has plain permalinks, `/wp-json/` is just another page of it: a write gets 200 and changes nothing. Once
        that is sure, calls go to `?rest_route=`, over https alone, as WooCommerce checks no signature there.
        """
        content = None if body is None else dumps(body)
        if self._plain_permalinks:
            return self._call_by_query(method, path, params, content)
        try:
            return self._read(self._exchange(method, API + path, query_pairs(params), content))
        except NotTheApi as error:
            if not self._has_plain_permalinks():
                raise
            if self._address.scheme != "https":
                raise WooCommerceApiError(errors.PLAIN_PERMALINKS, status=error.status, retryable=False) from None
            self._plain_permalinks = True
        return self._call_by_query(method, path, params, content)

    def _call_by_query(self, method: str, path: str, params: Mapping[str, Param], content: bytes | None) -> Read:
        """The same call where a shop with plain permalinks has its API; there WooCommerce may not even look at the key."""
        try:
            return self._read(self._exchange(method, API + path, query_pairs(params), content))
        except WooCommerceApiError as error:
            if error.status != 401:
                raise
            self._plain_permalinks = False
            raise WooCommerceApiError(errors.PLAIN_PERMALINKS, status=401, retryable=False) from None

    def _read(self, answer: Answer) -> Read:
        return data_of(answer, self._clock.unix()), answer

    def _has_plain_permalinks(self) -> bool:
        """Whether the API answers under `?rest_route=` and not under `/wp-json/`: two calls, made when something is odd."""
        return not self._is_api(f"{self._address.base}/wp-json/", []) and self._is_api(
            f"{self._address.base}/", [("rest_route", f"{API}/products")]
        )

    def _is_api(self, url: str, pairs: list[Pair]) -> bool:
        """Whether an address answers as WordPress's API, be it with a refusal: it is asked without a key."""
        try:
            self._read(self._send("GET", _url(url, pairs), None, None))
        except NotTheApi:
            return False
        except WooCommerceApiError as refusal:
            return refusal.wc_code != ""
        return True

    def _exchange(self, method: str, route: str, pairs: list[Pair], content: bytes | None) -> Answer:
        """Send to where the API is, with the proof that belongs there."""
        url = f"{self._address.base}/wp-json{route}"
        if self._address.scheme == "https":
            if self._plain_permalinks:
                url, pairs = f"{self._address.base}/", [("rest_route", route), *pairs]
            basic = httpx.BasicAuth(self._key.consumer_key, self._key.consumer_secret)
            return self._send(method, _url(url, pairs), content, basic)
        pairs = signed_pairs(self._key, method, url, pairs, timestamp=int(self._clock.unix()), nonce=self._new_nonce())
        return self._send(method, _url(url, pairs), content, None)

    def _send(self, method: str, url: str, content: bytes | None, auth: httpx.BasicAuth | None) -> Answer:
        """The answer, read within the time-out as a whole. Raises NetworkError, PlatformError for one that floods us."""
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if content is not None:
            headers["Content-Type"] = "application/json"  # without it WordPress ignores the body, and says 200
        deadline = self._clock.monotonic() + TIMEOUT_SECONDS
        try:
            with self._http.stream(method, url, content=content, headers=headers, auth=auth) as response:
                body = read_body(response, deadline, self._clock)
        except (httpx.TimeoutException, TimeoutError):
            raise NetworkError(errors.PLATFORM_TIMED_OUT) from None
        except httpx.RequestError as error:
            raise (bad_certificate() if is_about_certificate(error) else NetworkError()) from None
        return Answer(response.status_code, response.headers, read_document(body))


def _url(url: str, pairs: list[Pair]) -> str:
    return f"{url}?{encoded(pairs)}" if pairs else url
