"""Reads Shopify's REST Admin API page by page.

Without `updated_from`, records come in the order of ids, by `since_id`, which no change during the pull disturbs. With it, by
`updated_at_min` and the cursors of the Link header, in no order that Shopify guarantees. Both end when the Link header names
no next page, so 60,000 orders take 240 calls. Shopify ends a list after 25,000 records: from there, and after an expired
cursor, reading continues by id. Both read some records again rather than miss any.

GraphQL could take the place of this client behind the same `common.interface.Shop`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from app.settings.logs import get_logger
from schemas.platforms.shopify.descriptor import SHOPIFY
from workers.platforms.common.address import ShopAddress
from workers.platforms.common.answers import Answer, failure_by_status
from workers.platforms.common.failures import (
    bad_request,
    locked,
    no_such_entity,
    revoked,
    scope_missing,
    unknown_shop,
    unreadable,
)
from workers.platforms.common.http import Clock, PlatformHttp, Request
from workers.platforms.common.interface import Page, PlatformError, Source, Window
from workers.platforms.common.pacing import AdaptiveRate, CallLimitBucket
from workers.platforms.common.token_store import TokenKeeper, TokenStore
from workers.platforms.common.variations import VariationSource, entries
from workers.platforms.shopify.tokens import App, renewal, renewal_failure

log = get_logger(__name__)

API_VERSION = "2026-07"
PAGE_SIZE = 250
PRODUCTS_AT_ONCE = 50  # of which each may have a hundred variants
PRODUCT_FIELDS = ("id", "status", "options", "variants", "updated_at")
TOKENS_PER_SECOND = 1.0  # renewals of one client
LIST_ENDS_AFTER = 25_000
SECOND = timedelta(seconds=1)

LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s;,"]+))*)')
REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)

REFUSALS = {401: revoked, 402: locked, 403: scope_missing, 404: unknown_shop, 423: locked}


def failure_of(answer: Answer, now: float) -> PlatformError | None:
    failure = failure_by_status(answer, now)
    if failure is not None or answer.status == 200:
        return failure
    return REFUSALS.get(answer.status, bad_request)()


def next_page_info(link: str) -> str | None:
    """The cursor of the next page in a Link header; None on the last page. URLs in <> may contain commas."""
    for url, attributes in LINK.findall(link):
        rels = [quoted or plain for quoted, plain in REL.findall(attributes)]
        if any("next" in rel.lower().split() for rel in rels):
            return next(iter(parse_qs(urlsplit(url).query).get("page_info", ())), None)
    return None


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading continues: after an id, or at a Link cursor with `seen` records of the list before it."""

    since_id: int | None = None
    page_info: str | None = None
    seen: int = 0


def encode_cursor(position: Position) -> str:
    if position.page_info is not None:
        return urlencode({"seen": position.seen, "page_info": position.page_info})
    return urlencode({"since_id": position.since_id})


def decode_cursor(cursor: str) -> Position:
    found = {name: values[0] for name, values in parse_qs(cursor, strict_parsing=True).items()}
    if "page_info" in found:
        return Position(page_info=found["page_info"], seen=int(found["seen"]))
    return Position(since_id=int(found["since_id"]))


def filters(entity: str, window: Window) -> dict[str, str]:
    """The window as query parameters. Shopify's bounds are inclusive, and in whole seconds."""
    found = {"status": "any"} if entity == "orders" else {}
    if window.created_from is not None:
        found["created_at_min"] = _iso(window.created_from)
    if window.updated_from is not None:
        found["updated_at_min"] = _iso(window.updated_from)
    if window.updated_until is not None:
        found["updated_at_max"] = _iso(window.updated_until - SECOND)
    return found


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ShopifyRest:
    """One shop; implements `common.interface.Shop`. `app` is None if the token is permanent."""

    def __init__(self, address: ShopAddress, app: App | None, store: TokenStore, clock: Clock) -> None:
        bucket, rate = CallLimitBucket(clock.monotonic), AdaptiveRate(TOKENS_PER_SECOND, clock.monotonic)
        self._http = PlatformHttp(address, bucket, lambda answer: failure_of(answer, clock.unix()), clock)
        self._token_http = PlatformHttp(address, rate, lambda answer: renewal_failure(answer, clock.unix()), clock)
        self._tokens = TokenKeeper(store, renewal(self._token_http, app, clock), clock)
        self._has_app = app is not None
        self._warned_of_version = False

    def source(self, entity: str, window: Window) -> Source:
        if entity not in SHOPIFY.payloads:
            raise no_such_entity()
        if entity == "variations":
            whole = replace(window, after_id=None)  # the id would be a variant's, and the list is one of products
            return VariationSource(
                ShopifySource(self, "products", whole, PRODUCT_FIELDS, PRODUCTS_AT_ONCE), variants_of
            )
        return ShopifySource(self, entity, window, SHOPIFY.payloads[entity].fields)

    def count(self, entity: str, window: Window) -> int | None:
        """One call to the count endpoint. None if the window starts after an id, and for variations: it has neither."""
        if window.after_id is not None or entity == "variations":
            return None
        answer = self.get(f"{entity}/count.json", filters(entity, window))
        count = answer.document.get("count")
        if type(count) is not int:
            raise unreadable()
        return count

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """One good answer of the versioned API. Repeats the call once with another token if the token is refused."""
        url = urljoin(f"{self._http.base}/", f"admin/api/{API_VERSION}/{path}?{urlencode(query)}")
        deadline = self._http.deadline()
        token = self._tokens.current(deadline)
        try:
            answer = self._called(url, token, deadline)
        except PlatformError as error:
            if error.code != revoked().code or not self._has_app:
                raise
            answer = self._called(url, self._tokens.replaced(token, deadline), deadline)
        self._warn_of_version(answer.headers.get("x-shopify-api-version"))
        return answer

    def _called(self, url: str, token: str, deadline: float) -> Answer:
        return self._http.call(lambda: Request("GET", url, {"X-Shopify-Access-Token": token}), deadline)

    def _warn_of_version(self, served: str | None) -> None:
        # Shopify serves a retired version by the oldest supported one: warn before fields go missing.
        if served not in (None, API_VERSION) and not self._warned_of_version:
            self._warned_of_version = True
            log.warning("shopify_served_another_version", asked=API_VERSION, served=str(served)[:20])

    def close(self) -> None:
        self._http.close()
        self._token_http.close()


class ShopifySource:
    def __init__(
        self, shop: ShopifyRest, entity: str, window: Window, fields: Sequence[str], size: int = PAGE_SIZE
    ) -> None:
        self._shop = shop
        self._entity = entity
        self._window = window
        self._fields = ",".join(fields)
        self._size = size

    def fetch(self, cursor: str | None) -> Page:
        """At most 250 records. `total` is never set: `ShopifyRest.count` takes another call."""
        position = self._start() if cursor is None else decode_cursor(cursor)
        try:
            return self._page(position)
        except PlatformError as error:
            if position.page_info is None or error.code != bad_request().code:
                raise
        return self._page(Position(since_id=0))  # the cursor has expired

    def _start(self) -> Position:
        by_time = self._window.updated_from is not None and self._window.after_id is None
        return Position() if by_time else Position(since_id=self._window.after_id or 0)

    def _page(self, position: Position) -> Page:
        answer = self._shop.get(f"{self._entity}.json", self._query(position))
        records = answer.document.get(self._entity)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise unreadable()
        following = self._following(position, records, next_page_info(answer.headers.get("link", "")))
        return Page(records, encode_cursor(following) if following else None, None, answer.server_time)

    def _query(self, position: Position) -> dict[str, str]:
        # Beside a cursor, which implies its filters, only `limit` and `fields` are allowed.
        paging = {"limit": str(self._size), "fields": self._fields}
        if position.page_info is not None:
            return {**paging, "page_info": position.page_info}
        if position.since_id is not None:
            paging["since_id"] = str(position.since_id)
        return {**paging, **filters(self._entity, self._window)}

    def _following(self, position: Position, records: list[dict[str, Any]], page_info: str | None) -> Position | None:
        seen = position.seen + len(records)
        if position.since_id is None:
            if page_info is not None:
                return Position(page_info=page_info, seen=seen)
            return Position(since_id=0) if seen >= LIST_ENDS_AFTER else None
        return Position(since_id=_highest_id(records)) if page_info is not None and records else None


def _highest_id(records: list[dict[str, Any]]) -> int:
    ids = [record.get("id") for record in records]
    valid = [found for found in ids if type(found) is int]
    if len(valid) < len(ids):
        raise unreadable()  # continuing after the highest known id could skip records
    return max(valid)


def variants_of(product: dict[str, Any]) -> list[dict[str, Any]]:
    """The variants of a product, with the names of its options. `option1` to `option3` are their values."""
    names = [option.get("name") for option in entries(product, "options")]
    return [
        {
            **variant,
            "product_id": product.get("id"),
            "product_status": product.get("status"),
            "attributes": [
                {"name": name, "option": variant.get(f"option{place}")} for place, name in enumerate(names, 1)
            ],
        }
        for variant in entries(product, "variants")
    ]
