"""Lists of products of the fake shop."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.lists import Rows, one_of, ordered, texts, within_dates
from tests.fakes.woocommerce.products import folded
from tests.fakes.woocommerce.state import JsonObject, ShopState

STATUSES = ("any", "future", "trash", "draft", "pending", "private", "publish")
KEYS: dict[str, Callable[[JsonObject], Any]] = {
    "date": lambda row: row["date_created_gmt"],
    "id": lambda row: row["id"],
    "include": lambda row: row["id"],
    "title": lambda row: row["name"].casefold(),
    "slug": lambda row: row["slug"],
    "modified": lambda row: row["date_modified_gmt"],
    "price": lambda row: Decimal(row["price"] or 0),
    "menu_order": lambda row: row["menu_order"],
}


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    """The products that match: variations only by SKU, the trash only on request."""
    status = one_of(query, "status", STATUSES, "any")
    rows = [row for row in _candidates(shop, query) if _has_status(row, status)]
    if query.get("search"):
        words = _words(str(query["search"]))
        rows = [row for row in rows if all(word in row["name"].casefold() for word in words)]
    if query.get("search_sku"):
        rows = [row for row in rows if folded(str(query["search_sku"])) in folded(row["sku"])]
    if query.get("category"):
        rows = [row for row in rows if query["category"] in {str(one["id"]) for one in row["categories"]}]
    rows = within_dates(shop, query, rows, loses_fractions=False)
    return ordered(query, rows, KEYS, "desc")


def _words(search: str) -> list[str]:
    words = re.sub(r"%[0-9a-fA-F]{2}", "", search).casefold().split()
    return [word for word in words if len(word) > 1 or word.isalnum()]


def _candidates(shop: ShopState, query: PhpQuery) -> Rows:
    if query.get("sku"):
        ids = [shop.skus.get(folded(sku)) for sku in texts(query, "sku")]
        return [shop.products[one] for one in dict.fromkeys(ids) if one in shop.products]
    if query.get("include"):
        wanted = [int(text) for text in texts(query, "include") if text.strip().isdecimal()]
        found = [shop.products[one] for one in wanted if one in shop.products]
        return [row for row in found if row["type"] != "variation"]
    return [row for row in shop.products.values() if row["type"] != "variation"]


def _has_status(row: JsonObject, status: str) -> bool:
    found: str = row["status"]
    return found != "trash" if status == "any" else found == status
