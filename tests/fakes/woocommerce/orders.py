"""Orders of the fake shop: listed and read. Tests add them, in the form of the shop's own answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.errors import ApiError, invalid_params, not_one_of
from tests.fakes.woocommerce.lists import Rows, ordered, texts, within_dates
from tests.fakes.woocommerce.state import JsonObject, ShopState

STATUSES = (
    "any",
    "trash",
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
WRITABLE = (
    "auto-draft",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "checkout-draft",
)
HIDDEN = ("trash", "auto-draft", "checkout-draft")

KEYS: dict[str, Callable[[JsonObject], Any]] = {
    "date": lambda row: row["date_created_gmt"],
    "id": lambda row: row["id"],
    "include": lambda row: row["id"],
    "title": lambda row: row["id"],
    "slug": lambda row: row["id"],
    "modified": lambda row: row["date_modified_gmt"],
}


def add(shop: ShopState, created: datetime, modified: datetime | None = None, **fields: object) -> JsonObject:
    """Add an order with one line; `fields` override its defaults."""
    order_id = shop.new_post_id()
    order = {
        "id": order_id,
        "parent_id": 0,
        "status": "processing",
        "currency": "USD",
        "number": str(order_id),
        "prices_include_tax": False,
        "discount_total": "0.00",
        "shipping_total": "7.50",
        "total": "29.50",
        "total_tax": "2.00",
        "customer_id": 0,
        "created_via": "checkout",
        "billing": {"first_name": "Ana", "email": "a.fake0@example.test"},
        "shipping": {"first_name": "Ana", "address_1": "3 Nowhere Street", "country": "RO", "state": "B"},
        "payment_method": "bacs",
        "date_paid_gmt": None,
        "date_completed_gmt": None,
        "line_items": [line(order_id)],
        "shipping_lines": [
            {"id": order_id + 500_000, "method_title": "Flat rate", "total": "7.50", "total_tax": "0.55"}
        ],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [],
        **shop.dates("date_created", created),
        **shop.dates("date_modified", modified or created),
        "_links": shop.links("/orders", order_id),
        **fields,
    }
    shop.orders[order_id] = order
    return order


def line(order_id: int) -> JsonObject:
    return {
        "id": order_id,
        "name": "Watering can 5 l",
        "product_id": 11,
        "variation_id": 0,
        "quantity": 1,
        "subtotal": "20.00",
        "total": "20.00",
        "total_tax": "1.45",
        "sku": "CAN-5",
        "price": 20,
    }


def get(shop: ShopState, order_id: int) -> JsonObject:
    if order_id not in shop.orders:
        raise ApiError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return shop.orders[order_id]


def update(shop: ShopState, order_id: int, payload: JsonObject) -> JsonObject:
    """Change an order's status, which also takes it out of the trash; other fields are the shop's own affair."""
    if order_id not in shop.orders:
        raise ApiError(400, "woocommerce_rest_shop_order_invalid_id", "ID is invalid.")
    status = payload.get("status", shop.orders[order_id]["status"])
    if "status" in payload and status not in WRITABLE:
        raise invalid_params({"status": not_one_of("status", WRITABLE)})
    return touch(shop, order_id, status=status)


def delete(shop: ShopState, order_id: int, *, force: bool) -> JsonObject:
    """The order before it was trashed or deleted."""
    order = get(shop, order_id)
    if force:
        del shop.orders[order_id]
    elif order["status"] == "trash":
        raise ApiError(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
    else:
        shop.orders[order_id] = order | {"status": "trash"} | shop.dates("date_modified", shop.now())
    return order


def touch(shop: ShopState, order_id: int, **fields: object) -> JsonObject:
    """Change an order as its shop would: its modified date moves."""
    shop.orders[order_id] |= fields | shop.dates("date_modified", shop.now())
    return shop.orders[order_id]


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    """The orders that match; trash and drafts only on request."""
    wanted = texts(query, "status") or ["any"]
    for index, status in enumerate(wanted):
        if status not in STATUSES:
            code, text, data = not_one_of(f"status[{index}]", STATUSES)
            raise invalid_params({"status": (code, text, data)})
    rows = [row for row in shop.orders.values() if _is_wanted(row["status"], wanted)]
    if query.get("product"):
        rows = [row for row in rows if any(str(one["product_id"]) == query["product"] for one in row["line_items"])]
    if query.get("search"):
        text = str(query["search"]).casefold()
        rows = [row for row in rows if any(text in str(one).casefold() for one in row["billing"].values())]
    if query.get("customer"):
        rows = [row for row in rows if str(row["customer_id"]) == query["customer"]]
    if texts(query, "include"):
        ids = set(texts(query, "include"))
        rows = [row for row in rows if str(row["id"]) in ids]
    if texts(query, "exclude"):
        excluded = set(texts(query, "exclude"))
        rows = [row for row in rows if str(row["id"]) not in excluded]
    rows = within_dates(shop, query, rows, loses_fractions=True)
    return ordered(query, rows, KEYS, "desc")


def _is_wanted(status: str, wanted: list[str]) -> bool:
    if "any" in wanted:  # it swallows the statuses that are named beside it
        return status not in HIDDEN
    return status in wanted
