"""Checks the fake shop makes of a product's payload first; items of a batch are not checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.fakes.woocommerce.errors import invalid_params, not_of_type, not_one_of
from tests.fakes.woocommerce.state import JsonObject

STATUSES = ("draft", "pending", "private", "publish", "future", "auto-draft", "trash")
TYPES = ("simple", "grouped", "external", "variable")
KINDS: dict[str, str] = {
    "name": "string",
    "slug": "string",
    "sku": "string",
    "description": "string",
    "short_description": "string",
    "regular_price": "string",
    "sale_price": "string",
    "weight": "string",
    "stock_quantity": "integer",
    "menu_order": "integer",
    "purchase_note": "string",
    "manage_stock": "boolean",
    "virtual": "boolean",
    "downloadable": "boolean",
    "featured": "boolean",
    "categories": "array",
    "images": "array",
    "tags": "array",
    "meta_data": "array",
}
ENUMS = {
    "type": TYPES,
    "status": STATUSES,
    "stock_status": ("instock", "outofstock", "onbackorder"),
    "backorders": ("no", "notify", "yes"),
    "tax_status": ("taxable", "shipping", "none"),
    "catalog_visibility": ("visible", "catalog", "search", "hidden"),
}
OF_VARIATIONS = (
    *("sku", "description", "regular_price", "sale_price", "weight", "stock_quantity", "menu_order", "virtual"),
    *("downloadable", "meta_data", "status", "stock_status", "backorders"),
)


def _is_integer(value: Any) -> bool:
    # WordPress also accepts whole numbers as text; null clears a quantity.
    if isinstance(value, str):
        return re.fullmatch(r"\s*-?\d+(\.0*)?\s*", value) is not None
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: value is None or isinstance(value, str),
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool) or value in ("true", "false", "1", "0", 0, 1, ""),
    "array": lambda value: isinstance(value, list | str),
}


def check_product(payload: JsonObject) -> None:
    """Raises ApiError naming every wrong field, in the order of the schema."""
    _check(payload)
    if isinstance(payload.get("categories"), list):
        for index, entry in enumerate(payload["categories"]):
            if not isinstance(entry, dict):
                raise invalid_params({"categories": not_of_type(f"categories[{index}]", "object")})


def check_variation(payload: JsonObject) -> None:
    """As `check_product`; fields that a variation does not have are taken without a word."""
    if payload.get("manage_stock", "parent") != "parent" and not FITS["boolean"](payload["manage_stock"]):
        raise invalid_params({"manage_stock": not_of_type("manage_stock", "boolean")})
    _check({name: value for name, value in payload.items() if name in OF_VARIATIONS})


def _check(payload: JsonObject) -> None:
    problems: dict[str, tuple[str, str, Any]] = {}
    for name, allowed in ENUMS.items():
        if name in payload and payload[name] not in allowed:
            problems[name] = not_one_of(name, allowed)
    for name, kind in KINDS.items():
        if name in payload and not FITS[kind](payload[name]):
            problems[name] = not_of_type(name, kind)
    if problems:
        raise invalid_params(problems)
