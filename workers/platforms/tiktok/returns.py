"""Reads TikTok Shop's returns, then its cancellations, each in ascending order of `update_time`.

Both are walked as orders are, by the last second read, so that no edit hides one. They come with the same names: `id`,
`status`, `lines` and `reason_text`.
"""

from __future__ import annotations

from dataclasses import replace

from workers.platforms.common.interface import Page, Window
from workers.platforms.tiktok.orders import SearchedList, UpdatedOrderSource
from workers.platforms.tiktok.search import Data, Search

PAGE_SIZE = 50
RETURNS = SearchedList("/return_refund/202602/returns/search", "return_orders", "return_id", PAGE_SIZE)
CANCELLATIONS = SearchedList("/return_refund/202602/cancellations/search", "cancellations", "cancel_id", PAGE_SIZE)
LISTS = {"return": RETURNS, "cancel": CANCELLATIONS}


class RefundSource:
    """Returns, then cancellations. A cursor begins with the name of its list."""

    def __init__(self, search: Search, window: Window) -> None:
        self._search = search
        self._window = window

    def fetch(self, cursor: str | None) -> Page:
        """At most 50 records, in the order of change within each list only."""
        name, _, rest = (cursor or "return ").partition(" ")
        page = UpdatedOrderSource(self._search, self._window, LISTS[name]).fetch(rest or None)
        onward = f"{name} {page.cursor}" if page.cursor else ("cancel " if name == "return" else None)
        records = [_renamed(name, record) for record in page.records]
        return replace(page, records=records, cursor=onward, total=None, in_order=False)


def _renamed(name: str, record: Data) -> Data:
    return {
        **record,
        "id": record.get(f"{name}_id"),
        "status": record.get(f"{name}_status"),
        "lines": record.get(f"{name}_line_items"),
        "reason_text": record.get(f"{name}_reason_text"),
    }
