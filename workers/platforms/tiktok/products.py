"""TikTok Shop's products as a source of pages, in the platform's own order, of which it promises nothing.

A search lists 10,000 products at most: a window that holds more is read in parts. After the last page of a part it is asked
whether any of its products changed meanwhile. If so they may have moved between the pages, and the part is read again, in a
way that no edit can disturb (`tiktok_parts`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workers.platforms.common.http import Clock
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.platforms.tiktok.errors import TOO_MANY_RESULTS
from workers.platforms.tiktok.search import Data, Search, bounds, paging, records_of, token_is_refused, total_of
from workers.platforms.tiktok.time_slices import Part, after, in_steps, read_part, smaller, write_part

PRODUCTS_PATH = "/product/202502/products/search"
EARLIER_SECONDS = 10  # the platform's clock is told with its answer, not with its look at the products


class ProductSource:
    """One window of products. See `base.Source`."""

    def __init__(self, search: Search, window: Window, clock: Clock) -> None:
        self._search = search
        self._window = window
        self._clock = clock

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records."""
        part = read_part(cursor) if cursor else Part(bounds(since=self._window.created_from).get("since"))
        try:
            part, data, server_time = self._listed(part)
        except PlatformError as error:
            if not token_is_refused(error, part.token):
                raise
            part, data, server_time = self._listed(replace(part, token="", count=None, began=None))
        following = self._following(part, data, server_time)
        return Page(records_of(data, "products"), write_part(following) if following else None, part.total, server_time)

    @property
    def _now(self) -> int:
        return int(self._clock.unix())

    def _listed(self, part: Part) -> tuple[Part, Data, datetime | None]:
        """The page of a part, of a smaller one where it holds too many."""
        while True:
            try:
                data, server_time = self._search(PRODUCTS_PATH, paging(part.token), self._body(part))
            except PlatformError as error:
                if error.code != TOO_MANY_RESULTS:
                    raise
                part = smaller(part, self._now)
                continue
            found = total_of(data)
            if part.total is None:
                part = replace(part, total=found)
            if part.token or found is None or found <= part.most:
                return part, data, server_time
            part = smaller(part, self._now)

    def _body(self, part: Part) -> dict[str, int]:
        """The bounds; upper ones are inclusive here, unlike those of orders."""
        body = bounds(update_time_ge=self._window.updated_from, update_time_le=self._window.updated_until)
        if "update_time_le" in body:
            body["update_time_le"] -= 1
        return body | _created(part)

    def _following(self, part: Part, data: Data, server_time: datetime | None) -> Part | None:
        """The next page of a part, else the part after it, or itself once more; None at the end."""
        token = data.get("next_page_token") or ""
        if token and part.token:
            return replace(part, token=token)
        if token:
            began = int(server_time.timestamp()) if server_time else self._now
            return replace(part, token=token, count=total_of(data), began=began - EARLIER_SECONDS)
        if part.token and self._has_moved(part, total_of(data)):
            return in_steps(part, self._now)
        return after(part, len(records_of(data, "products")), self._now)

    def _has_moved(self, part: Part, count: int | None) -> bool:
        """Whether products came, went or changed since the part's first page: for one call, and none where the count tells."""
        if count != part.count or part.began is None:
            return True
        body = _created(part) | {"update_time_ge": part.began}
        data, _ = self._search(PRODUCTS_PATH, {"page_size": "1"}, body)
        return bool(records_of(data, "products"))


def _created(part: Part) -> dict[str, int]:
    named = {"create_time_ge": part.since, "create_time_le": part.until}
    return {name: value for name, value in named.items() if value is not None}
