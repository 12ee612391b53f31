"""Reads TikTok Shop's orders page by page, in two ways that edits during the pull can't disturb.

Without `updated_from`, in the order of creation, which never changes; `updated_until` is ignored. With it, in ascending order
of `update_time`. There a page token would drift: an edited order moves to the end, the others move up, and one order is
skipped between two pages. So each page is a new search from the last second read, and orders that were already returned are
left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, parse_qsl, urlencode

from workers.platforms.common.failures import unreadable
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.platforms.tiktok.search import (
    PAGE_SIZE,
    Data,
    Search,
    bounds,
    paging,
    records_of,
    token_is_refused,
    total_of,
)


@dataclass(frozen=True, slots=True)
class SearchedList:
    """A search that can be walked by `update_time`: its path, and the names of its records and of their ids."""

    path: str
    records: str
    id_field: str
    page_size: int


ORDERS_PATH = "/order/202309/orders/search"
ORDERS = SearchedList(ORDERS_PATH, "orders", "id", PAGE_SIZE)


@dataclass(frozen=True, slots=True)
class CreatedPosition:
    """Where reading by creation continues: at the page `token` of the search for orders created from `since` on.

    No later order was created before the second `last`. `total` counts the whole window.
    """

    token: str = ""
    since: int | None = None
    last: int | None = None
    total: int | None = None


def encode_created_cursor(position: CreatedPosition) -> str:
    named = {"token": position.token, "since": position.since, "last": position.last, "total": position.total}
    return urlencode({name: value for name, value in named.items() if value is not None})


def decode_created_cursor(cursor: str) -> CreatedPosition:
    found = dict(parse_qsl(cursor))
    since, last, total = (int(found[name]) if name in found else None for name in ("since", "last", "total"))
    return CreatedPosition(found.get("token") or cursor, since, last, total)  # a run may be older than this form


class CreatedOrderSource:
    """Orders in the order of creation, by the platform's page token."""

    def __init__(self, search: Search, window: Window) -> None:
        self._search = search
        self._first = CreatedPosition(since=bounds(since=window.created_from).get("since"))

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records. If the token has expired, reads the last second again."""
        position = decode_created_cursor(cursor) if cursor else self._first
        try:
            data, server_time = self._page(position)
        except PlatformError as error:
            if not token_is_refused(error, position.token):
                raise
            position = CreatedPosition(since=position.last, last=position.last, total=position.total)
            data, server_time = self._page(position)
        orders, token = records_of(data, "orders"), data.get("next_page_token") or ""
        total = total_of(data) if position.total is None else position.total
        newest = orders[-1].get("create_time") if orders else None
        last = newest if type(newest) is int else position.last
        following = replace(position, token=token, last=last, total=total)
        return Page(orders, encode_created_cursor(following) if token else None, total, server_time)

    def _page(self, position: CreatedPosition) -> tuple[Data, datetime | None]:
        query = {**paging(position.token), "sort_field": "create_time", "sort_order": "ASC"}
        return self._search(ORDERS_PATH, query, {} if position.since is None else {"create_time_ge": position.since})


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading by `update_time` continues: everything before the second `since` was returned, and of it the orders
    `seen`.

    `crowded`: more orders have that second than fit on a page. Then only they are searched, page by page, by `token`. `crowd`
    is their number; while it does not fall, the token stays valid.
    """

    since: int
    seen: frozenset[str] = frozenset()
    total: int | None = None
    crowded: bool = False
    token: str = ""
    crowd: int | None = None


def encode_cursor(position: Position) -> str:
    parts: dict[str, str | int | None] = {
        "since": position.since,
        "seen": ",".join(sorted(position.seen)),
        "total": position.total,
    }
    if position.crowded:
        parts |= {"crowded": 1, "token": position.token, "crowd": position.crowd}
    return urlencode({name: value for name, value in parts.items() if value not in ("", None)})


def decode_cursor(cursor: str) -> Position:
    found = {name: values[0] for name, values in parse_qs(cursor, strict_parsing=True).items()}
    return Position(
        since=int(found["since"]),
        seen=frozenset(found["seen"].split(",")) if "seen" in found else frozenset(),
        total=int(found["total"]) if "total" in found else None,
        crowded="crowded" in found,
        token=found.get("token", ""),
        crowd=int(found["crowd"]) if "crowd" in found else None,
    )


class UpdatedOrderSource:
    """Orders, or another list, in ascending order of `update_time`: the last record's time says how far a pull has read."""

    def __init__(self, search: Search, window: Window, listed: SearchedList = ORDERS) -> None:
        self._search = search
        self._window = window
        self._list = listed
        self._bounds = bounds(update_time_ge=window.updated_from, update_time_lt=window.updated_until)

    def fetch(self, cursor: str | None) -> Page:
        """One page, without records of the page before. May be empty in a crowded second."""
        position = decode_cursor(cursor) if cursor else Position(self._bounds.get("update_time_ge", 0))
        try:
            data, server_time = self._page(position)
        except PlatformError as error:
            if not token_is_refused(error, position.token):
                raise
            position = replace(position, token="", crowd=None)
            data, server_time = self._page(position)
        orders, token = records_of(data, self._list.records), data.get("next_page_token") or ""
        total = total_of(data) if position.total is None else position.total
        following = self._following(replace(position, total=total), orders, token, total_of(data))
        fresh = [
            order
            for order in orders
            if not (order.get(self._list.id_field) in position.seen and time_of(order) == position.since)
        ]
        return Page(fresh, encode_cursor(following) if following else None, total, server_time, in_order=True)

    def _page(self, position: Position) -> tuple[Data, datetime | None]:
        query = {**paging(position.token, self._list.page_size), "sort_field": "update_time", "sort_order": "ASC"}
        return self._search(self._list.path, query, self._body(position))

    def _body(self, position: Position) -> dict[str, int]:
        body = {**self._bounds, "update_time_ge": position.since}
        return {**body, "update_time_lt": position.since + 1} if position.crowded else body

    def _following(self, position: Position, orders: list[Data], token: str, count: int | None) -> Position | None:
        if position.crowded:
            return after_crowd(position, token, count)
        if not token or not orders:
            return None
        last = time_of(orders[-1])
        if last <= position.since:
            return Position(position.since, position.seen, position.total, crowded=True)
        seen = frozenset(str(order.get(self._list.id_field)) for order in orders if time_of(order) == last)
        return Position(last, seen, position.total)


def after_crowd(position: Position, token: str, count: int | None) -> Position:
    # If an order left that second, the others moved up: start it again.
    if position.crowd is not None and count is not None and count < position.crowd:
        return replace(position, token="", crowd=None)
    if token:
        return replace(position, token=token, crowd=count)
    return Position(position.since + 1, total=position.total)


def time_of(order: Data) -> int:
    moment = order.get("update_time")
    if type(moment) is not int:
        raise unreadable()
    return moment
