"""Customers of the fake shop: read and listed, without date filters."""

from __future__ import annotations

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.lists import Rows, one_of, ordered
from tests.fakes.woocommerce.state import JsonObject, ShopState

ROLES = ("all", "administrator", "editor", "author", "contributor", "subscriber", "customer", "shop_manager")


def get(shop: ShopState, user_id: int) -> JsonObject:
    if user_id not in shop.customers:
        raise ApiError(404, "wc_user_invalid_id", "Invalid user ID.")
    return shop.customers[user_id]


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    role = one_of(query, "role", ROLES, "customer")
    rows = [row for row in shop.customers.values() if role in ("all", row["role"])]
    if query.get("email"):
        rows = [row for row in rows if row["email"].casefold() == str(query["email"]).casefold()]
    keys = {
        "id": lambda row: row["id"],
        "include": lambda row: row["id"],
        "name": lambda row: row["username"],
        "registered_date": lambda row: row["date_created_gmt"],
    }
    return ordered(query, rows, keys, "asc")
