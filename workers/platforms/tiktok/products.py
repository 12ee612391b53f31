"""Reads TikTok Shop's products page by page, in the platform's own order, which it does not define.

A search lists at most 10,000 products, so a larger window is read in time slices. After the last page of a slice, another
call asks whether any of its products changed meanwhile. If so, they may have moved between the pages, and the slice is read
again in a way that no edit can disturb (`time_slices`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from workers.platforms.common.http import Clock
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.platforms.common.variations import entries
from workers.platforms.tiktok.errors import TOO_MANY_RESULTS
from workers.platforms.tiktok.search import Data, Search, bounds, paging, records_of, token_is_refused, total_of
from workers.platforms.tiktok.time_slices import (
    TimeSlice,
    decode_slice,
    encode_slice,
    narrow_slices,
    next_slice,
    older_half,
)

PRODUCTS_PATH = "/product/202502/products/search"
EARLIER_SECONDS = 10  # the clock in an answer is later than the search itself


class ProductSource:
    def __init__(self, search: Search, window: Window, clock: Clock) -> None:
        self._search = search
        self._window = window
        self._clock = clock

    def fetch(self, cursor: str | None) -> Page:
        time_slice = decode_slice(cursor) if cursor else TimeSlice(bounds(since=self._window.created_from).get("since"))
        try:
            time_slice, data, server_time = self._search_slice(time_slice)
        except PlatformError as error:
            if not token_is_refused(error, time_slice.token):
                raise
            time_slice, data, server_time = self._search_slice(replace(time_slice, token="", count=None, began=None))
        following = self._following(time_slice, data, server_time)
        return Page(
            records_of(data, "products"), encode_slice(following) if following else None, time_slice.total, server_time
        )

    @property
    def _now(self) -> int:
        return int(self._clock.unix())

    def _search_slice(self, time_slice: TimeSlice) -> tuple[TimeSlice, Data, datetime | None]:
        while True:
            try:
                data, server_time = self._search(PRODUCTS_PATH, paging(time_slice.token), self._body(time_slice))
            except PlatformError as error:
                if error.code != TOO_MANY_RESULTS:
                    raise
                time_slice = older_half(time_slice, self._now)
                continue
            found = total_of(data)
            if time_slice.total is None:
                time_slice = replace(time_slice, total=found)
            if time_slice.token or found is None or found <= time_slice.most:
                return time_slice, data, server_time
            time_slice = older_half(time_slice, self._now)

    def _body(self, time_slice: TimeSlice) -> dict[str, int]:
        # Upper bounds are inclusive here, unlike those of orders.
        body = bounds(update_time_ge=self._window.updated_from, update_time_le=self._window.updated_until)
        if "update_time_le" in body:
            body["update_time_le"] -= 1
        return body | _created(time_slice)

    def _following(self, time_slice: TimeSlice, data: Data, server_time: datetime | None) -> TimeSlice | None:
        token = data.get("next_page_token") or ""
        if token and time_slice.token:
            return replace(time_slice, token=token)
        if token:
            began = int(server_time.timestamp()) if server_time else self._now
            return replace(time_slice, token=token, count=total_of(data), began=began - EARLIER_SECONDS)
        if time_slice.token and self._changed_meanwhile(time_slice, total_of(data)):
            return narrow_slices(time_slice, self._now)
        return next_slice(time_slice, len(records_of(data, "products")), self._now)

    def _changed_meanwhile(self, time_slice: TimeSlice, count: int | None) -> bool:
        if count != time_slice.count or time_slice.began is None:
            return True
        body = _created(time_slice) | {"update_time_ge": time_slice.began}
        data, _ = self._search(PRODUCTS_PATH, {"page_size": "1"}, body)
        return bool(records_of(data, "products"))


def _created(time_slice: TimeSlice) -> dict[str, int]:
    named = {"create_time_ge": time_slice.since, "create_time_le": time_slice.until}
    return {name: value for name, value in named.items() if value is not None}


def skus_of(product: Data) -> list[Data]:
    """The SKUs of a product, with what only the product tells."""
    told = {
        "product_id": product.get("id"),
        "product_status": product.get("status"),
        "create_time": product.get("create_time"),
        "update_time": product.get("update_time"),
    }
    return [{**sku, **told} for sku in entries(product, "skus")]
