"""TikTok Shop's products as a source of pages, in the platform's own order.

A search lists 10,000 products at most. A window that holds more is read in parts, by the time of creation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode

from workers.platforms.base import Page, PlatformError, Window
from workers.platforms.http import Clock
from workers.platforms.tiktok_errors import TOO_MANY_RESULTS, too_many_results
from workers.platforms.tiktok_orders import Data, Search, bounds, paging, records_of, total_of

PRODUCTS_PATH = "/product/202502/products/search"
MOST_LISTED = 10_000
OLDEST = 1_577_836_800  # 2020-01-01: before the first of these shops


@dataclass(frozen=True, slots=True)
class Part:
    """Products created from `since` to `until`, both inclusive, None being open; `token` names a page of them."""

    since: int | None
    until: int | None = None
    token: str = ""
    total: int | None = None


def write_part(part: Part) -> str:
    """The cursor as text."""
    named = {"since": part.since, "until": part.until, "token": part.token or None, "total": part.total}
    return urlencode({name: value for name, value in named.items() if value is not None})


def read_part(cursor: str) -> Part:
    """The part that a cursor names, as `write_part` wrote it."""
    found = {name: values[0] for name, values in parse_qs(cursor).items()}
    since, until, total = (int(found[name]) if name in found else None for name in ("since", "until", "total"))
    return Part(since, until, found.get("token", ""), total)


def older_half(part: Part, now: int) -> Part:
    """The first half of a part, from its first page. Raises PlatformError where one second holds too many."""
    since = OLDEST if part.since is None else part.since
    until = max(since, now) if part.until is None else part.until
    if since == until:
        raise too_many_results()
    return Part(since, (since + until) // 2, total=part.total)


class ProductSource:
    """One window of products. An edit during the run may move products between pages; TikTok promises no order."""

    def __init__(self, search: Search, window: Window, clock: Clock) -> None:
        self._search = search
        self._window = window
        self._clock = clock

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records."""
        part = read_part(cursor) if cursor else Part(bounds(since=self._window.created_from).get("since"))
        part, data, server_time = self._listed(part)
        following = _following(part, data.get("next_page_token") or "")
        return Page(records_of(data, "products"), write_part(following) if following else None, part.total, server_time)

    def _listed(self, part: Part) -> tuple[Part, Data, Any]:
        """The page of a part, of a smaller one where there are too many."""
        while True:
            try:
                data, server_time = self._search(PRODUCTS_PATH, paging(part.token), self._body(part))
            except PlatformError as error:
                if error.code != TOO_MANY_RESULTS:
                    raise
                part = older_half(part, int(self._clock.unix()))
                continue
            found = total_of(data)
            if part.total is None:
                part = replace(part, total=found)
            if part.token or found is None or found <= MOST_LISTED:
                return part, data, server_time
            part = older_half(part, int(self._clock.unix()))

    def _body(self, part: Part) -> dict[str, int]:
        """The bounds; upper ones are inclusive here, unlike those of orders."""
        body = bounds(update_time_ge=self._window.updated_from, update_time_le=self._window.updated_until)
        if "update_time_le" in body:
            body["update_time_le"] -= 1
        created = {"create_time_ge": part.since, "create_time_le": part.until}
        return body | {name: value for name, value in created.items() if value is not None}


def _following(part: Part, token: str) -> Part | None:
    """The next page of a part, else the part after it; None at the end."""
    if token:
        return replace(part, token=token)
    return Part(part.until + 1, total=part.total) if part.until is not None else None
