"""Prices, stock and other single fields of a product of the fake shop: what it stores of what was sent."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.fakes.woocommerce.errors import ApiError
from tests.fakes.woocommerce.state import JsonObject, ShopState

PRICELESS = ("variable", "grouped")  # their price is their children's
TAX_CLASSES = ("reduced-rate", "zero-rate")


def set_prices(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    for name in ("regular_price", "sale_price"):
        if name in payload:
            product[name] = decimal_text(payload[name])
    for name in ("date_on_sale_from", "date_on_sale_to"):
        for field, gmt in ((name, False), (f"{name}_gmt", True)):
            if field in payload:
                product |= shop.dates(name, _sale_date(shop, payload[field], gmt=gmt))
    regular, sale = number_of(product["regular_price"]), number_of(product["sale_price"])
    if product["type"] in PRICELESS:
        product["regular_price"] = product["sale_price"] = ""
    elif sale is not None and (regular is None or sale >= regular):
        product["sale_price"] = ""


def _sale_date(shop: ShopState, value: Any, *, gmt: bool) -> datetime | None:
    return shop.read_date(str(value), gmt=gmt) if value else None


def decimal_text(value: Any) -> str:
    """Digits, minus signs and the last dot: `1e3` is 13, and `1.2.3` is 12.3."""
    kept = re.sub(r"[^0-9.-]", "", "" if value is None else str(value))
    whole, dot, decimals = kept.rpartition(".")
    kept = (whole.replace(".", "") + dot + decimals).removesuffix(".")
    return kept if number_of(kept) is not None else ""


def number_of(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def set_stock(product: JsonObject, payload: JsonObject) -> None:
    """A quantity counts only if stock is managed, and then decides the status."""
    if "backorders" in payload:
        product["backorders"] = payload["backorders"]
    if product["type"] in ("grouped", "external"):
        if product["type"] == "external" and is_true(payload.get("manage_stock")):
            raise ApiError(400, "product_external_invalid_manage_stock", "External products cannot be stock managed.")
        product |= {"manage_stock": False, "stock_quantity": None, "stock_status": "instock"}
        return
    if "manage_stock" in payload:
        product["manage_stock"] = is_true(payload["manage_stock"])
    if not product["manage_stock"]:
        product["stock_quantity"] = None
        product["stock_status"] = payload.get("stock_status", product["stock_status"])
        return
    set_quantity(product, payload)


def set_quantity(product: JsonObject, payload: JsonObject) -> None:
    if "stock_quantity" in payload:
        product["stock_quantity"] = pieces(payload["stock_quantity"])
    elif "inventory_delta" in payload:
        product["stock_quantity"] = (product["stock_quantity"] or 0) + pieces(payload["inventory_delta"])
    elif payload.get("stock_status") == "outofstock" or product["stock_quantity"] is None:
        product["stock_quantity"] = 0
    if product["stock_quantity"] > 0:
        product["stock_status"] = "instock"
    else:
        product["stock_status"] = "outofstock" if product["backorders"] == "no" else "onbackorder"


def is_true(value: Any) -> bool:
    return value in (True, "true", 1, "1")


def pieces(value: Any) -> int:
    # PHP's intval reads words as 0.
    match = re.match(r"\s*-?\d+", "" if value is None else str(value))
    return int(match[0]) if match else 0


def tax_class(value: Any) -> str:
    """The slug of a tax class; an unknown one becomes the standard one, which is an empty text."""
    slug = str(value or "").strip().lower().replace(" ", "-")
    return slug if slug in TAX_CLASSES else ""
