"""Shopify's REST Admin API as sources of pages.

Two walks. Without `updated_from`: in the order of ids, by `since_id`, which no change during the run can disturb. With it: by
`updated_at_min` and the cursors of the Link header; records come in no order that Shopify promises. Both end where the Link
header names no next page, so that 60,000 orders cost 240 calls. Shopify cuts a list off at 25,000 records: a walk by Link
that gets there goes on by id. So does one whose cursor is too old to be taken; both read again rather than miss any.

The other way to the same records is GraphQL: whatever keeps to `base.Shop` can take this one's place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
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
from workers.platforms.shopify.tokens import App, renewal, renewal_failure

log = get_logger(__name__)

API_VERSION = "2026-07"
PAGE_SIZE = 250
TOKENS_PER_SECOND = 1.0  # renewals at most, of one client
LIST_ENDS_AFTER = 25_000
SECOND = timedelta(seconds=1)

LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^\s;,"]+))*)')
REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)

REFUSALS = {401: revoked, 402: locked, 403: scope_missing, 404: unknown_shop, 423: locked}


def failure_of(answer: Answer, now: float) -> PlatformError | None:
    """What an answer means; 200 is the only success of a read."""
    failure = failure_by_status(answer, now)
    if failure is not None or answer.status == 200:
        return failure
    return REFUSALS.get(answer.status, bad_request)()


def next_page_info(link: str) -> str | None:
    """The cursor of the next page in a Link header, or None on the last page. Commas inside <> are part of a URL."""
    for url, attributes in LINK.findall(link):
        rels = [quoted or plain for quoted, plain in REL.findall(attributes)]
        if any("next" in rel.lower().split() for rel in rels):
            return next(iter(parse_qs(urlsplit(url).query).get("page_info", ())), None)
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: after an id, or at a Link cursor that `seen` records of the same list lie before."""

    since_id: int | None = None
    page_info: str | None = None
    seen: int = 0


def write_place(place: Place) -> str:
    """The cursor as text, which says what it is."""
    if place.page_info is not None:
        return urlencode({"seen": place.seen, "page_info": place.page_info})
    return urlencode({"since_id": place.since_id})


def read_place(cursor: str) -> Place:
    """The place that a cursor names, as `write_place` wrote it."""
    found = {name: values[0] for name, values in parse_qs(cursor, strict_parsing=True).items()}
    if "page_info" in found:
        return Place(page_info=found["page_info"], seen=int(found["seen"]))
    return Place(since_id=int(found["since_id"]))


def filters(entity: str, window: Window) -> dict[str, str]:
    """The window as query parameters. Shopify's bounds are both inclusive and go by whole seconds."""
    found = {"status": "any"} if entity == "orders" else {}
    if window.created_from is not None:
        found["created_at_min"] = _iso(window.created_from)
    if window.updated_from is not None:
        found["updated_at_min"] = _iso(window.updated_from)
    if window.updated_until is not None:
        found["updated_at_max"] = _iso(window.updated_until - SECOND)
    return found


def _iso(moment: datetime) -> str:
    """The second that a moment lies in, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class ShopifyRest:
    """One shop. See `base.Shop`; `app` is None where the shop's token is one for good."""

    def __init__(self, address: ShopAddress, app: App | None, store: TokenStore, clock: Clock) -> None:
        bucket, rate = CallLimitBucket(clock.monotonic), AdaptiveRate(TOKENS_PER_SECOND, clock.monotonic)
        self._http = PlatformHttp(address, bucket, lambda answer: failure_of(answer, clock.unix()), clock)
        self._token_http = PlatformHttp(address, rate, lambda answer: renewal_failure(answer, clock.unix()), clock)
        self._tokens = TokenKeeper(store, renewal(self._token_http, app, clock), clock)
        self._has_app = app is not None
        self._other_version_noted = False

    def source(self, entity: str, window: Window) -> Source:
        """Orders, products or customers."""
        if entity not in SHOPIFY.payloads:
            raise no_such_entity()
        return ShopifySource(self, entity, window)

    def count(self, entity: str, window: Window) -> int | None:
        """One call to the count endpoint, which knows no `since_id`: None where the window begins after an id."""
        if window.after_id is not None:
            return None
        answer = self.get(f"{entity}/count.json", filters(entity, window))
        count = answer.document.get("count")
        if type(count) is not int:
            raise unreadable()
        return count

    def get(self, path: str, query: Mapping[str, str]) -> Answer:
        """One good answer of the versioned API; where the token is refused, one more call with another token."""
        url = urljoin(f"{self._http.base}/", f"admin/api/{API_VERSION}/{path}?{urlencode(query)}")
        deadline = self._http.deadline()
        token = self._tokens.current(deadline)
        try:
            answer = self._called(url, token, deadline)
        except PlatformError as error:
            if error.code != revoked().code or not self._has_app:
                raise
            answer = self._called(url, self._tokens.replaced(token, deadline), deadline)
        self._note_version(answer.headers.get("x-shopify-api-version"))
        return answer

    def _called(self, url: str, token: str, deadline: float) -> Answer:
        return self._http.call(lambda: Request("GET", url, {"X-Shopify-Access-Token": token}), deadline)

    def _note_version(self, served: str | None) -> None:
        """A retired version is served by the oldest that still is: say so once a run, before fields go missing."""
        if served not in (None, API_VERSION) and not self._other_version_noted:
            self._other_version_noted = True
            log.warning("shopify_served_another_version", asked=API_VERSION, served=str(served)[:20])

    def close(self) -> None:
        self._http.close()
        self._token_http.close()


class ShopifySource:
    """One window of one entity. See `base.Source`."""

    def __init__(self, shop: ShopifyRest, entity: str, window: Window) -> None:
        self._shop = shop
        self._entity = entity
        self._window = window
        self._fields = ",".join(SHOPIFY.payloads[entity].fields)

    def fetch(self, cursor: str | None) -> Page:
        """At most 250 records. `total` is never told: `ShopifyRest.count` asks for it, at the cost of a call."""
        place = self._start() if cursor is None else read_place(cursor)
        try:
            return self._page(place)
        except PlatformError as error:
            if place.page_info is None or error.code != bad_request().code:
                raise
        return self._page(Place(since_id=0))  # the cursor is too old to be taken

    def _start(self) -> Place:
        by_time = self._window.updated_from is not None and self._window.after_id is None
        return Place() if by_time else Place(since_id=self._window.after_id or 0)

    def _page(self, place: Place) -> Page:
        answer = self._shop.get(f"{self._entity}.json", self._query(place))
        records = answer.document.get(self._entity)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise unreadable()
        following = self._following(place, records, next_page_info(answer.headers.get("link", "")))
        return Page(records, write_place(following) if following else None, None, answer.server_time)

    def _query(self, place: Place) -> dict[str, str]:
        """A cursor stands for its filters: beside it only `limit` and `fields` are allowed."""
        paging = {"limit": str(PAGE_SIZE), "fields": self._fields}
        if place.page_info is not None:
            return {**paging, "page_info": place.page_info}
        if place.since_id is not None:
            paging["since_id"] = str(place.since_id)
        return {**paging, **filters(self._entity, self._window)}

    def _following(self, place: Place, records: list[dict[str, Any]], page_info: str | None) -> Place | None:
        """The place after a page; None at the end."""
        seen = place.seen + len(records)
        if place.since_id is None:
            if page_info is not None:
                return Place(page_info=page_info, seen=seen)
            return Place(since_id=0) if seen >= LIST_ENDS_AFTER else None
        return Place(since_id=_highest_id(records)) if page_info is not None and records else None


def _highest_id(records: list[dict[str, Any]]) -> int:
    """The id to go on after. Raises PlatformError where a record has none: the walk could not go on rightly."""
    ids = [record.get("id") for record in records]
    whole = [found for found in ids if type(found) is int]
    if len(whole) < len(ids):
        raise unreadable()
    return max(whole)
