"""Prices and stock of a product of the fake shop: what it stores of what was sent."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.fakes.woocommerce.state import JsonObject, ShopState


def set_prices(shop: ShopState, product: JsonObject, payload: JsonObject) -> None:
    for name in ("regular_price", "sale_price"):
        if name in payload:
            product[name] = _price(payload[name])
    for name in ("date_on_sale_from", "date_on_sale_to"):
        for field, gmt in ((name, False), (f"{name}_gmt", True)):
            if field in payload:
                moment = shop.read_date(payload[field], gmt=gmt) if payload[field] else None
                product |= shop.dates(name, moment)
    regular, sale = _number(product["regular_price"]), _number(product["sale_price"])
    if sale is not None and (regular is None or sale >= regular):
        product["sale_price"] = ""


def _price(value: Any) -> str:
    # It keeps digits, dots and minus signs; a comma is dropped together with the decimals.
    kept = re.sub(r"[^0-9.-]", "", "" if value is None else str(value))
    return kept if _number(kept) is not None else ""


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def set_stock(product: JsonObject, payload: JsonObject) -> None:
    """A quantity counts only if stock is managed, and then decides the status."""
    if "backorders" in payload:
        product["backorders"] = payload["backorders"]
    if "manage_stock" in payload:
        product["manage_stock"] = payload["manage_stock"] in (True, "true", 1)
    if not product["manage_stock"]:
        product["stock_quantity"] = None
        product["stock_status"] = payload.get("stock_status", product["stock_status"])
        return
    if "stock_quantity" in payload:
        product["stock_quantity"] = _pieces(payload["stock_quantity"])
    elif "inventory_delta" in payload:
        product["stock_quantity"] = (product["stock_quantity"] or 0) + _pieces(payload["inventory_delta"])
    elif payload.get("stock_status") == "outofstock" or product["stock_quantity"] is None:
        product["stock_quantity"] = 0
    if product["stock_quantity"] > 0:
        product["stock_status"] = "instock"
    else:
        product["stock_status"] = "outofstock" if product["backorders"] == "no" else "onbackorder"


def _pieces(value: Any) -> int:
    # PHP's intval reads words as 0.
    match = re.match(r"\s*-?\d+", "" if value is None else str(value))
    return int(match[0]) if match else 0
