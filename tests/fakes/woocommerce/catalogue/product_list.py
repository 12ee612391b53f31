"""Lists of products of the fake shop."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.fakes.woocommerce.auth import PhpQuery
from tests.fakes.woocommerce.catalogue import texts as stored
from tests.fakes.woocommerce.catalogue.categories import with_descendants
from tests.fakes.woocommerce.errors import invalid_params, not_one_of
from tests.fakes.woocommerce.lists import Rows, one_of, ordered, texts, within_dates
from tests.fakes.woocommerce.state import JsonObject, ShopState, folded

STATUSES = ("any", "future", "trash", "draft", "pending", "private", "publish")
TYPES = ("simple", "grouped", "external", "variable")
STOCK_STATUSES = ("instock", "outofstock", "onbackorder")
Fits = Callable[[JsonObject], bool]
KEYS: dict[str, Callable[[JsonObject], Any]] = {
    "date": lambda row: row["date_created_gmt"],
    "id": lambda row: row["id"],
    "include": lambda row: row["id"],
    "title": lambda row: row["name"].casefold(),
    "slug": lambda row: row["slug"],
    "modified": lambda row: row["date_modified_gmt"],
    "price": lambda row: Decimal(row["price"] or 0),
    "menu_order": lambda row: (row["menu_order"], row["name"].casefold()),
    "popularity": lambda row: int(row["total_sales"]),
    "rating": lambda row: row["rating_count"],
}


def listed(shop: ShopState, query: PhpQuery) -> Rows:
    """The products that match: variations only by SKU, the trash only on request."""
    for name in texts(query, "include_types"):
        if name not in TYPES:
            raise invalid_params({"include_types": not_one_of("include_types[0]", TYPES)})
    rows = of_status(query, _candidates(shop, query))
    rows = [row for row in rows if all(fits(row) for fits in _filters(shop, query))]
    return ordered(query, within_dates(shop, query, rows, loses_fractions=False), KEYS, "desc")


def _filters(shop: ShopState, query: PhpQuery) -> list[Fits]:
    found = {name: value for name, value in query.items() if isinstance(value, str) and value}
    filters: dict[str, Callable[[str], Fits]] = {
        "type": lambda value: _is("type", one_of(query, "type", TYPES, value)),
        "stock_status": lambda value: _is("stock_status", one_of(query, "stock_status", STOCK_STATUSES, value)),
        "on_sale": lambda value: _is("on_sale", value == "true"),
        "slug": lambda value: _is("slug", value),
        "parent": lambda value: lambda row: str(row["parent_id"]) in value.split(","),
        "search": lambda value: lambda row: all(word in row["name"].casefold() for word in _words(value)),
        "search_name_or_sku": lambda value: lambda row: value.casefold() in f"{row['name']}\n{row['sku']}".casefold(),
        "min_price": lambda value: lambda row: row["price"] != "" and Decimal(row["price"]) >= Decimal(value),
        "max_price": lambda value: lambda row: row["price"] != "" and Decimal(row["price"]) <= Decimal(value),
        "category": lambda value: _in_category(with_descendants(shop, set(value.split(",")))),
    }
    return [make(found[name]) for name, make in filters.items() if name in found]


def _is(name: str, value: object) -> Fits:
    return lambda row: bool(row[name] == value)


def _in_category(ids: set[str]) -> Fits:
    return lambda row: bool(ids & {str(one["id"]) for one in row["categories"]})


def of_status(query: PhpQuery, rows: Rows) -> Rows:
    """The rows that `status`, `include_status` and `exclude_status` let through."""
    included = texts(query, "include_status")
    if included:
        rows = [row for row in rows if any(_has_status(row, status) for status in included)]
    else:
        status = one_of(query, "status", STATUSES, "any")
        rows = [row for row in rows if _has_status(row, status)]
    excluded = texts(query, "exclude_status")
    return [row for row in rows if row["status"] not in excluded]


def wanted_skus(query: PhpQuery) -> list[str]:
    """The SKUs of the filter, cleaned as stored ones are; one that holds a comma is also looked for whole."""
    value = query.get("sku", "")
    text = stored.plain(value if isinstance(value, str) else ",".join(value.values()))
    return [text, *text.split(",")]


def matches_sku(query: PhpQuery, row: JsonObject) -> bool:
    # A blank after a comma belongs to the SKU, which is then unknown.
    return folded(row["sku"]) in {folded(sku) for sku in wanted_skus(query) if sku == sku.strip()}


def _words(search: str) -> list[str]:
    words = re.sub(r"%[0-9a-fA-F]{2}", "", search).casefold().split()
    return [word for word in words if len(word) > 1 or word.isalnum()]


def _candidates(shop: ShopState, query: PhpQuery) -> Rows:
    if query.get("sku") not in (None, "", "0"):  # PHP takes "0" for no filter
        ids = [shop.skus.get(folded(sku)) for sku in wanted_skus(query) if sku and sku == sku.strip()]
        return [shop.products[one] for one in dict.fromkeys(ids) if one in shop.products]
    if query.get("search_sku"):
        part = folded(str(query["search_sku"]))
        return [row for row in shop.products.values() if part in folded(row["sku"])]
    if query.get("include"):
        wanted = [int(text) for text in texts(query, "include") if text.strip().isdecimal()]
        found = [shop.products[one] for one in wanted if one in shop.products]
        return [row for row in found if row["type"] != "variation"]
    return [row for row in shop.products.values() if row["type"] != "variation"]


def _has_status(row: JsonObject, status: str) -> bool:
    found: str = row["status"]
    return found != "trash" if status == "any" else found == status
