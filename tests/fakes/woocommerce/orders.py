"""Orders of the fake shop: listed and read. Tests add them, in the form of the shop's own answer."""

from __future__ import annotations

from datetime import datetime

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
HIDDEN = ("trash", "auto-draft", "checkout-draft")


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
        "billing": {"first_name": "Ana", "email": "a.fake0@example.test"},
        "payment_method": "bacs",
        "line_items": [line(order_id)],
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
        "sku": "CAN-5",
        "price": 20,
    }


def get(shop: ShopState, order_id: int) -> JsonObject:
    if order_id not in shop.orders:
        raise ApiError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    return shop.orders[order_id]


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
    if query.get("customer"):
        rows = [row for row in rows if str(row["customer_id"]) == query["customer"]]
    if texts(query, "include"):
        ids = set(texts(query, "include"))
        rows = [row for row in rows if str(row["id"]) in ids]
    rows = within_dates(shop, query, rows, loses_fractions=True)
    keys = {
        "date": lambda row: row["date_created_gmt"],
        "id": lambda row: row["id"],
        "include": lambda row: row["id"],
        "title": lambda row: row["id"],
        "slug": lambda row: row["id"],
        "modified": lambda row: row["date_modified_gmt"],
    }
    return ordered(query, rows, keys, "desc")


def _is_wanted(status: str, wanted: list[str]) -> bool:
    return status in wanted or ("any" in wanted and status not in HIDDEN)
