"""A shop's orders as a source of pages for the pull engine.

WooCommerce pages by number alone. In the order of ids, an order that enters the window moves later ones back, and they are read
twice; one that leaves it (trashed, or of another status now) moves later ones forward, past a reader who goes on. So a cursor
keeps the total that its page was read with: where that shrinks, the walk steps back by as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

from app.settings.logs import get_logger
from schemas.platforms.woocommerce.descriptor import WOOCOMMERCE
from workers.platforms.common.failures import no_such_entity
from workers.platforms.common.interface import Page, Window
from workers.platforms.woocommerce.auth import Param
from workers.platforms.woocommerce.client import PAGE_SIZE, Listing, WooCommerceClient

log = get_logger(__name__)

ANY_STATUS = ("any",)  # all but trash and drafts of the checkout
FIELDS = ",".join(WOOCOMMERCE.payloads["orders"].fields)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the page to read, and how many orders the window held when the page before was read."""

    page: int
    total: int | None


def write_place(place: Place) -> str:
    """The cursor as text."""
    return urlencode({"page": place.page} | ({} if place.total is None else {"total": place.total}))


def read_place(cursor: str) -> Place:
    """The place that a cursor names, as `write_place` wrote it."""
    found = {name: int(values[0]) for name, values in parse_qs(cursor, strict_parsing=True).items()}
    return Place(found["page"], found.get("total"))


def filters(window: Window, statuses: tuple[str, ...]) -> dict[str, Param]:
    """The window as WooCommerce's parameters: bounds are exclusive, to the second, and naive UTC only with `dates_are_gmt`."""
    found: dict[str, Param] = {"status": ",".join(statuses), "dates_are_gmt": True}
    if window.updated_from is not None:
        found["modified_after"] = _gmt(_whole_second(window.updated_from) - SECOND)
    if window.updated_until is not None:
        found["modified_before"] = _gmt(_whole_second(window.updated_until))
    if window.created_from is not None:
        found["after"] = _gmt(_whole_second(window.created_from) - SECOND)
    return found


def _whole_second(moment: datetime) -> datetime:
    """The first whole second that is not before the moment: the shop knows no other."""
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + SECOND


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def missing(place: Place, listing: Listing) -> int:
    """How many orders left the window since the page before was read, at least; 0 where that can't be said."""
    if place.page == 1 or place.total is None:
        return 0
    now = listing.total if listing.records else (place.page - 1) * PAGE_SIZE  # past the end the shop counts 0
    return 0 if now is None else max(0, place.total - now)


def following(place: Place, listing: Listing) -> Place | None:
    """The place after a page; None after a short one, and after the last of those that a page with orders counts."""
    if len(listing.records) < PAGE_SIZE or listing.total_pages == place.page:
        return None
    return Place(place.page + 1, listing.total)


class OrderSource:
    """The orders of a window. See `base.Source`. With `after_id` earlier ones are read over: no filter exists for it."""

    def __init__(self, client: WooCommerceClient, window: Window, statuses: tuple[str, ...] = ANY_STATUS) -> None:
        self._client = client
        self._after_id = window.after_id or 0
        self._filters = filters(window, statuses)

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 orders by ascending id. `total` is told with the first page. Raises PlatformError."""
        place = Place(1, None) if cursor is None else read_place(cursor)
        listing = self._read(place)
        while left := missing(place, listing):
            log.info("pull_page_shifted", page=place.page, orders_left=left)
            place = Place(max(1, place.page - -(-left // PAGE_SIZE)), listing.total if listing.records else place.total)
            listing = self._read(place)
        onward = following(place, listing)
        return Page(
            records=[record for record in listing.records if not self._is_before(record)],
            cursor=None if onward is None else write_place(onward),
            total=listing.total if place.page == 1 else None,
            server_time=listing.server_time,
        )

    def _is_before(self, record: dict[str, Any]) -> bool:
        found = record.get("id")
        return type(found) is int and found <= self._after_id

    def _read(self, place: Place) -> Listing:
        paging: dict[str, Param] = {"orderby": "id", "order": "asc", "per_page": PAGE_SIZE, "page": place.page}
        return self._client.get_orders({**self._filters, **paging, "_fields": FIELDS})


class WooCommerceShop:
    """A shop as the pull engine sees it. See `base.Shop`: orders alone are pulled, the rest is posted by the plugin."""

    def __init__(self, client: WooCommerceClient, statuses: tuple[str, ...] = ANY_STATUS) -> None:
        self._client = client
        self._statuses = statuses

    def source(self, entity: str, window: Window) -> OrderSource:
        """The orders of a window. Raises PlatformError ENTITY_NOT_AVAILABLE for anything else."""
        if entity != "orders":
            raise no_such_entity()
        return OrderSource(self._client, window, self._statuses)

    def count(self, entity: str, window: Window) -> int | None:
        """How many orders a window holds; None where it begins after an id, which the shop can't filter by."""
        if entity != "orders" or window.after_id is not None:
            return None
        params: dict[str, Param] = {**filters(window, self._statuses), "per_page": 1, "_fields": "id"}
        return self._client.get_orders(params).total

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
