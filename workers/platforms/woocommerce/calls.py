"""Calls to one WooCommerce shop: authenticated, and repeated only if the first call can't have reached the API."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from app.settings.logs import get_logger
from schemas.base.strict_json import dumps
from workers.platforms.common.address import ShopAddress
from workers.platforms.common.answers import Answer
from workers.platforms.common.http import CallPolicy, Clock, PlatformHttp, Request, connection_failure
from workers.platforms.common.interface import PlatformError
from workers.platforms.common.pacing import Unpaced
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.answers import NotTheApi, failure_of, read_document
from workers.platforms.woocommerce.auth import Pair, Param, ShopKey, encoded, query_pairs, signed_pairs
from workers.platforms.woocommerce.errors import NetworkError, WooCommerceApiError

log = get_logger(__name__)

TIMEOUT_SECONDS = 30.0
API = "/wc/v3"

Read = tuple[Any, Answer]


def _connection_failure(error: httpx.RequestError | TimeoutError) -> PlatformError:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return NetworkError(errors.PLATFORM_TIMED_OUT)
    failure = connection_failure(error)
    return failure if not failure.retryable else NetworkError()


def once_within(seconds: float) -> CallPolicy:
    """The policy for calls that may write: each is sent once and has `seconds` in all."""
    return CallPolicy(
        repeats=False,
        timeout=httpx.Timeout(seconds),
        budget_seconds=seconds,
        documents=(dict, list),
        read_document=read_document,
        connection_failure=_connection_failure,
    )


class WooCommerceCalls:
    """Calls to one shop, from any number of threads.

    `key_in_query`: what `remember_key_in_query` was last called with for this shop.
    """

    def __init__(
        self,
        address: ShopAddress,
        key: ShopKey,
        clock: Clock,
        policy: CallPolicy = once_within(TIMEOUT_SECONDS),  # noqa: B008 - immutable
        new_nonce: Callable[[], str] = lambda: secrets.token_hex(16),
        client: httpx.Client | None = None,
        key_in_query: bool = False,
        remember_key_in_query: Callable[[bool], object] = lambda is_in_query: None,
    ) -> None:
        self._address = address
        self._key = key
        self._http = PlatformHttp(
            address, Unpaced(), lambda answer: failure_of(answer, clock.unix()), clock, policy, client
        )
        self._clock = clock
        self._new_nonce = new_nonce
        self._plain_permalinks = False
        # Many hosts keep the Authorization header from PHP. Over https WooCommerce also takes the key in the query.
        self._key_in_query = key_in_query
        self._remember_key_in_query = remember_key_in_query
        self._may_switch = address.scheme == "https"

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, params: Mapping[str, Param], body: Any = None) -> Read:
        """The JSON of an answer, and the answer. `path` follows `/wc/v3`; `body` is sent as JSON.

        Raises WooCommerceError, and PlatformError for an answer that is too large or an address that is not called.
        """
        pairs, content = query_pairs(params), None if body is None else dumps(body)
        if not self._plain_permalinks:
            try:
                return self._authenticated(method, path, pairs, content)
            except NotTheApi as error:
                # With plain permalinks `/wp-json/` is an ordinary page: a write gets 200 and changes nothing. Only if two
                # probes confirm that is the call repeated, as the first one can't have reached the API.
                if not self._has_plain_permalinks():
                    raise
                if self._address.scheme != "https":  # WooCommerce checks no signature under `?rest_route=`
                    raise WooCommerceApiError(errors.PLAIN_PERMALINKS, status=error.status, retryable=False) from None
                self._plain_permalinks = True
        try:
            return self._authenticated(method, path, pairs, content)
        except WooCommerceApiError as error:
            if error.status != 401:
                raise
            self._plain_permalinks = False
            raise WooCommerceApiError(errors.PLAIN_PERMALINKS, status=401, retryable=False) from None

    def _has_plain_permalinks(self) -> bool:
        base = self._address.base
        return not self._is_api(f"{base}/wp-json/", []) and self._is_api(
            f"{base}/", [("rest_route", f"{API}/products")]
        )

    def _is_api(self, url: str, pairs: list[Pair]) -> bool:
        # Asked without a key: a refusal in WordPress's form is an answer of the API, too.
        try:
            self._exchange(Request("GET", _url(url, pairs)))
        except NotTheApi:
            return False
        except WooCommerceApiError as refusal:
            return refusal.wc_code != ""
        return True

    def _authenticated(self, method: str, path: str, pairs: list[Pair], content: bytes | None) -> Read:
        is_in_query = self._key_in_query
        try:
            return self._send(method, path, pairs, content, key_in_query=is_in_query)
        except WooCommerceApiError as error:
            # A refused stranger has changed nothing, so that a write may be repeated.
            if not (error.is_anonymous and self._may_switch):
                raise
        self._may_switch = False  # if it is of no use, then once is enough
        read = self._send(method, path, pairs, content, key_in_query=not is_in_query)
        self._may_switch, self._key_in_query = True, not is_in_query
        log.info("shop_key_moved", is_in_query=not is_in_query)
        self._remember_key_in_query(not is_in_query)
        return read

    def _send(
        self, method: str, path: str, pairs: list[Pair], content: bytes | None, *, key_in_query: bool = False
    ) -> Read:
        url = f"{self._address.base}/wp-json{API}{path}"
        # Without the content type WordPress ignores the body, and answers 200.
        headers = {} if content is None else {"Content-Type": "application/json"}
        if self._address.scheme == "https":
            if self._plain_permalinks:
                url, pairs = f"{self._address.base}/", [("rest_route", API + path), *pairs]
            name, secret = self._key.consumer_key, self._key.consumer_secret
            if key_in_query:
                pairs = [*pairs, ("consumer_key", name), ("consumer_secret", secret)]
            else:
                headers["Authorization"] = f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"
        else:
            timestamp = int(self._clock.unix())
            pairs = signed_pairs(self._key, method, url, pairs, timestamp=timestamp, nonce=self._new_nonce())
        return self._exchange(Request(method, _url(url, pairs), headers, content))

    def _exchange(self, request: Request) -> Read:
        answer = self._http.call(lambda: request, self._http.deadline())
        return answer.document, answer


def _url(url: str, pairs: list[Pair]) -> str:
    return f"{url}?{encoded(pairs)}" if pairs else url
