"""Reads a shop's orders page by page, for the pull engine.

WooCommerce pages by number only. In the order of ids, an order that enters the window moves later ones back, and they are
read twice. One that leaves it (trashed, or another status) moves later ones forward, past the reader. So a cursor stores the
total that its page was read with; if the total shrinks, reading steps back by the difference.
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
from workers.platforms.woocommerce.refunds import RefundReader

log = get_logger(__name__)

ANY_STATUS = ("any",)  # all but trash and checkout drafts
# Of the address only these two, which tell no person.
ADDRESS = ("shipping.country", "shipping.state")
FIELDS = ",".join((*(name for name in WOOCOMMERCE.payloads["orders"].fields if name != "shipping"), *ADDRESS))
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """The page to read next, and the number of orders in the window when the page before it was read."""

    page: int
    total: int | None


def encode_cursor(position: Position) -> str:
    return urlencode({"page": position.page} | ({} if position.total is None else {"total": position.total}))


def decode_cursor(cursor: str) -> Position:
    found = {name: int(values[0]) for name, values in parse_qs(cursor, strict_parsing=True).items()}
    return Position(found["page"], found.get("total"))


def filters(window: Window, statuses: tuple[str, ...]) -> dict[str, Param]:
    """The window as WooCommerce's parameters: exclusive bounds in whole seconds, and naive UTC thanks to `dates_are_gmt`."""
    found: dict[str, Param] = {"status": ",".join(statuses), "dates_are_gmt": True}
    if window.updated_from is not None:
        found["modified_after"] = _gmt(_whole_second(window.updated_from) - SECOND)
    if window.updated_until is not None:
        found["modified_before"] = _gmt(_whole_second(window.updated_until))
    if window.created_from is not None:
        found["after"] = _gmt(_whole_second(window.created_from) - SECOND)
    return found


def _whole_second(moment: datetime) -> datetime:
    # The first one not before the moment: the shop filters by whole seconds.
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + SECOND


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def missing(position: Position, listing: Listing) -> int:
    """How many orders at least left the window since the page before was read; 0 if unknown."""
    if position.page == 1 or position.total is None:
        return 0
    now = listing.total if listing.records else (position.page - 1) * PAGE_SIZE  # past the end the shop counts 0
    return 0 if now is None else max(0, position.total - now)


def following(position: Position, listing: Listing) -> Position | None:
    if len(listing.records) < PAGE_SIZE or listing.total_pages == position.page:
        return None
    return Position(position.page + 1, listing.total)


class OrderSource:
    """The orders of a window. With `after_id`, earlier ones are read and dropped: the shop has no such filter."""

    def __init__(self, client: WooCommerceClient, window: Window, statuses: tuple[str, ...] = ANY_STATUS) -> None:
        self._client = client
        self._refunds = RefundReader(client)
        self._after_id = window.after_id or 0
        self._filters = filters(window, statuses)

    def fetch(self, cursor: str | None) -> Page:
        """At most 100 orders by ascending id. The first page has `total`. Raises PlatformError."""
        position = Position(1, None) if cursor is None else decode_cursor(cursor)
        listing = self._read(position)
        while left := missing(position, listing):
            log.info("pull_page_shifted", page=position.page, orders_left=left)
            position = Position(
                max(1, position.page - -(-left // PAGE_SIZE)), listing.total if listing.records else position.total
            )
            listing = self._read(position)
        onward = following(position, listing)
        return Page(
            records=self._refunds.complete([record for record in listing.records if not self._is_before(record)]),
            cursor=None if onward is None else encode_cursor(onward),
            total=listing.total if position.page == 1 else None,
            server_time=listing.server_time,
        )

    def _is_before(self, record: dict[str, Any]) -> bool:
        found = record.get("id")
        return type(found) is int and found <= self._after_id

    def _read(self, position: Position) -> Listing:
        paging: dict[str, Param] = {"orderby": "id", "order": "asc", "per_page": PAGE_SIZE, "page": position.page}
        return self._client.get_orders({**self._filters, **paging, "_fields": FIELDS})


class WooCommerceShop:
    """Implements `common.interface.Shop` for orders; the plugin sends everything else."""

    def __init__(self, client: WooCommerceClient, statuses: tuple[str, ...] = ANY_STATUS) -> None:
        self._client = client
        self._statuses = statuses

    def source(self, entity: str, window: Window) -> OrderSource:
        if entity != "orders":
            raise no_such_entity()
        return OrderSource(self._client, window, self._statuses)

    def count(self, entity: str, window: Window) -> int | None:
        # The shop has no filter for ids.
        if entity != "orders" or window.after_id is not None:
            return None
        params: dict[str, Param] = {**filters(window, self._statuses), "per_page": 1, "_fields": "id"}
        return self._client.get_orders(params).total

    def close(self) -> None:
        self._client.close()
