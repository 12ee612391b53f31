"""TikTok Shop's orders as sources of pages: two walks that edits during the run can't disturb.

Without `updated_from`: in the order of creation, which never changes; `updated_until` plays no part. With it: in ascending
order of `update_time`. There a page token would drift: an edited order leaves its place, the rest moves up, and one order slips
past the border between two pages. So each page is asked for anew, from the last second read; what was handed out is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, parse_qsl, urlencode

from workers.platforms.common.failures import unreadable
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.platforms.tiktok.search import Data, Search, bounds, paging, records_of, token_is_refused, total_of

ORDERS_PATH = "/order/202309/orders/search"


@dataclass(frozen=True, slots=True)
class CreatedPlace:
    """Where a walk by creation stands: at the page `token` of the search for what was created from `since` on.

    Nothing behind it was created before the second `last`. `total` counts the whole walk.
    """

    token: str = ""
    since: int | None = None
    last: int | None = None
    total: int | None = None


def write_created(place: CreatedPlace) -> str:
    """The cursor as text."""
    named = {"token": place.token, "since": place.since, "last": place.last, "total": place.total}
    return urlencode({name: value for name, value in named.items() if value is not None})


def read_created(cursor: str) -> CreatedPlace:
    """The place that a cursor names, as `write_created` wrote it."""
    found = dict(parse_qsl(cursor))
    since, last, total = (int(found[name]) if name in found else None for name in ("since", "last", "total"))
    return CreatedPlace(found.get("token") or cursor, since, last, total)  # a run may be older than this form


class CreatedOrderSource:
    """Orders in the order of their creation, by the platform's page token."""

    def __init__(self, search: Search, window: Window) -> None:
        self._search = search
        self._first = CreatedPlace(since=bounds(since=window.created_from).get("since"))

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records. Where the token is too old to be taken, the last second that was read is read again."""
        place = read_created(cursor) if cursor else self._first
        try:
            data, server_time = self._page(place)
        except PlatformError as error:
            if not token_is_refused(error, place.token):
                raise
            place = CreatedPlace(since=place.last, last=place.last, total=place.total)
            data, server_time = self._page(place)
        orders, token = records_of(data, "orders"), data.get("next_page_token") or ""
        total = total_of(data) if place.total is None else place.total
        following = replace(place, token=token, last=_last_created(orders, place.last), total=total)
        return Page(orders, write_created(following) if token else None, total, server_time)

    def _page(self, place: CreatedPlace) -> tuple[Data, datetime | None]:
        query = {**paging(place.token), "sort_field": "create_time", "sort_order": "ASC"}
        return self._search(ORDERS_PATH, query, {} if place.since is None else {"create_time_ge": place.since})


def _last_created(orders: list[Data], last: int | None) -> int | None:
    moment = orders[-1].get("create_time") if orders else None
    return moment if type(moment) is int else last


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk by `update_time` stands: everything before the second `since` was handed out, and the orders `seen` of it.

    `crowded`: more orders bear that one second than a page holds. Then they alone are asked for, page by page, by `token`;
    `crowd` is how many there were, for as long as none leaves the token holds good.
    """

    since: int
    seen: frozenset[str] = frozenset()
    total: int | None = None
    crowded: bool = False
    token: str = ""
    crowd: int | None = None


def write_place(place: Place) -> str:
    """The cursor as text."""
    parts: dict[str, str | int | None] = {
        "since": place.since,
        "seen": ",".join(sorted(place.seen)),
        "total": place.total,
    }
    if place.crowded:
        parts |= {"crowded": 1, "token": place.token, "crowd": place.crowd}
    return urlencode({name: value for name, value in parts.items() if value not in ("", None)})


def read_place(cursor: str) -> Place:
    """The place that a cursor names, as `write_place` wrote it."""
    found = {name: values[0] for name, values in parse_qs(cursor, strict_parsing=True).items()}
    return Place(
        since=int(found["since"]),
        seen=frozenset(found["seen"].split(",")) if "seen" in found else frozenset(),
        total=int(found["total"]) if "total" in found else None,
        crowded="crowded" in found,
        token=found.get("token", ""),
        crowd=int(found["crowd"]) if "crowd" in found else None,
    )


class UpdatedOrderSource:
    """Orders in ascending order of `update_time`: what a run has read up to any page may be told by the last record's time."""

    def __init__(self, search: Search, window: Window) -> None:
        self._search = search
        self._window = window
        self._bounds = bounds(update_time_ge=window.updated_from, update_time_lt=window.updated_until)

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 records, none of them handed out by the page before; it may be none at all in a crowded second."""
        place = read_place(cursor) if cursor else Place(self._bounds["update_time_ge"])
        try:
            data, server_time = self._page(place)
        except PlatformError as error:
            if not token_is_refused(error, place.token):
                raise
            place = replace(place, token="", crowd=None)
            data, server_time = self._page(place)
        orders, token = records_of(data, "orders"), data.get("next_page_token") or ""
        total = total_of(data) if place.total is None else place.total
        following = self._following(replace(place, total=total), orders, token, total_of(data))
        fresh = [order for order in orders if not (order.get("id") in place.seen and time_of(order) == place.since)]
        return Page(fresh, write_place(following) if following else None, total, server_time, in_order=True)

    def _page(self, place: Place) -> tuple[Data, datetime | None]:
        query = {**paging(place.token), "sort_field": "update_time", "sort_order": "ASC"}
        return self._search(ORDERS_PATH, query, self._body(place))

    def _body(self, place: Place) -> dict[str, int]:
        body = {**self._bounds, "update_time_ge": place.since}
        return {**body, "update_time_lt": place.since + 1} if place.crowded else body

    def _following(self, place: Place, orders: list[Data], token: str, count: int | None) -> Place | None:
        """The place after a page; None at the end."""
        if place.crowded:
            return after_crowd(place, token, count)
        if not token or not orders:
            return None
        last = time_of(orders[-1])
        if last <= place.since:
            return Place(place.since, place.seen, place.total, crowded=True)
        seen = frozenset(str(order.get("id")) for order in orders if time_of(order) == last)
        return Place(last, seen, place.total)


def after_crowd(place: Place, token: str, count: int | None) -> Place:
    """The place after a page of a crowded second: begun again where an order left it, for then the rest has moved up."""
    if place.crowd is not None and count is not None and count < place.crowd:
        return replace(place, token="", crowd=None)
    if token:
        return replace(place, token=token, crowd=count)
    return Place(place.since + 1, total=place.total)


def time_of(order: Data) -> int:
    """When an order was last changed. Raises PlatformError where it does not say: the walk could not go on rightly."""
    moment = order.get("update_time")
    if type(moment) is not int:
        raise unreadable()
    return moment
