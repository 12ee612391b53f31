"""Adds to a page of orders what only their refunds tell: dates and lines.

WooCommerce lists the refunds of all orders since 9.0, so a page takes one call for a hundred refunds. An older shop is asked
once for each order that has refunds. So is one that ignores `include`, as all do with `parent`: what the list leaves out is
asked for order by order.
"""

from __future__ import annotations

from typing import Any

from workers.platforms.woocommerce.auth import Param
from workers.platforms.woocommerce.client import PAGE_SIZE, WooCommerceClient
from workers.platforms.woocommerce.errors import WooCommerceApiError

FIELDS = ("id", "date_created_gmt", "line_items", "shipping_lines", "fee_lines")
LINES = FIELDS[2:]
ITEM_KEY = "_refunded_item_id"  # the meta data of a refund's line that names the order's line
NO_ROUTE = "rest_no_route"

Row = dict[str, Any]


class RefundReader:
    """The refunds of one shop's orders. Remembers whether the shop can list those of all orders."""

    def __init__(self, client: WooCommerceClient) -> None:
        self._client = client
        self._lists_all = True

    def complete(self, orders: list[Row]) -> list[Row]:
        """The orders, with dates and lines in their refunds. Raises PlatformError."""
        wanted = {order["id"]: ids for order in orders if (ids := _refund_ids(order))}
        if not wanted:
            return orders
        found = self._of_all([refund for ids in wanted.values() for refund in ids])
        for order_id, ids in wanted.items():
            if not found.keys() >= ids:
                found |= self._of_order(order_id)
        return [_completed(order, found) if order["id"] in wanted else order for order in orders]

    def _of_all(self, ids: list[int]) -> dict[int, Row]:
        found: dict[int, Row] = {}
        for start in range(0, len(ids), PAGE_SIZE):
            several = ids[start : start + PAGE_SIZE]
            if not self._lists_all:
                break
            try:
                rows = self._client.get_refunds({**_paging(), "include": ",".join(map(str, several))})
            except WooCommerceApiError as error:
                if error.wc_code != NO_ROUTE:
                    raise
                self._lists_all = False
            else:
                found |= _by_id(rows)
        return found

    def _of_order(self, order_id: int) -> dict[int, Row]:
        return _by_id(self._client.get_refunds(_paging(), order_id))


def _paging() -> dict[str, Param]:
    return {"per_page": PAGE_SIZE, "orderby": "id", "order": "asc", "_fields": ",".join(FIELDS)}


def _refund_ids(order: Row) -> set[int]:
    refunds = order.get("refunds")
    if type(order.get("id")) is not int or not isinstance(refunds, list):
        return set()
    return {refund["id"] for refund in refunds if isinstance(refund, dict) and type(refund.get("id")) is int}


def _by_id(rows: list[Row]) -> dict[int, Row]:
    return {row["id"]: row for row in rows if type(row.get("id")) is int}


def _completed(order: Row, found: dict[int, Row]) -> Row:
    refunds = [
        {**refund, **_details(found[refund["id"]])}
        if isinstance(refund, dict) and refund.get("id") in found
        else refund
        for refund in order["refunds"]
    ]
    return {**order, "refunds": refunds}


def _details(refund: Row) -> Row:
    lists = {name: lines for name in LINES if isinstance(lines := refund.get(name), list)}
    linked = {name: [_linked(line) for line in lines] for name, lines in lists.items()}
    return {"date_created_gmt": refund.get("date_created_gmt"), **linked}


def _linked(line: Any) -> Any:
    meta = line.get("meta_data") if isinstance(line, dict) else None
    entries = [entry for entry in meta if isinstance(entry, dict)] if isinstance(meta, list) else []
    item = next((entry.get("value") for entry in entries if entry.get("key") == ITEM_KEY), None)
    return {**line, "refunded_item_id": item} if item is not None else line
