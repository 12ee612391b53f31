"""Maps resources of WooCommerce's REST API (11.0.1) to contract records (`schemas/plugin/`), as the plugin does."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from html import unescape
from typing import Any

Resource = dict[str, Any]

PAID = ("processing", "completed")  # the statuses that WooCommerce counts as money spent


def plugin_order(woo: Resource) -> Resource:
    # Amounts stay the strings that WooCommerce sends, and `customer_id` 0 stays a guest.
    lines = woo["line_items"]
    return {
        "wc_order_id": woo["id"],
        "date_created": utc(woo["date_created_gmt"]),
        "date_modified": utc(woo["date_modified_gmt"]),
        "status": woo["status"],
        "total": woo["total"],
        "subtotal": str(sum((Decimal(line["subtotal"]) for line in lines), Decimal("0.00"))),
        "tax_total": woo["total_tax"],
        "shipping_total": woo["shipping_total"],
        "discount_total": woo["discount_total"],
        "currency": woo["currency"],
        "customer_id": woo["customer_id"],
        "payment_method": woo["payment_method"],
        "coupon_used": ",".join(line["code"] for line in woo["coupon_lines"]),
        "items": [plugin_item(line) for line in lines],
    }


def plugin_item(line: Resource) -> Resource:
    # A variation's line refers to its parent, and a deleted product has the id 0.
    return {
        "product_name": unescape(line["name"]),
        "sku": line["sku"],
        "quantity": line["quantity"],
        "subtotal": line["subtotal"],
        "total": line["total"],
        "wc_product_id": line["product_id"] or None,
    }


def plugin_product(woo: Resource) -> Resource:
    """A product or variation with its first category. A scheduled product has no `updated_at`.

    WordPress dates its last change to the day it will be published, so the time of acceptance is used instead.
    """
    category = next(iter(woo.get("categories", ())), None)
    return {
        "wc_product_id": woo["id"],
        "name": unescape(woo["name"]),
        "sku": woo["sku"],
        "price": woo["price"],
        "regular_price": woo["regular_price"],
        "sale_price": woo["sale_price"],
        "category_id": category["id"] if category else None,
        "category_name": unescape(category["name"]) if category else None,
        "stock_quantity": woo["stock_quantity"],
        "stock_status": woo["stock_status"],
        "status": woo["status"],
        "type": woo["type"],
        "created_at": utc(woo["date_created_gmt"]),
        "updated_at": utc(woo["date_modified_gmt"]) if woo["status"] != "future" else None,
    }


def plugin_customer(woo: Resource, orders: Sequence[Resource] = ()) -> Resource:
    """A customer with totals from `orders`, because WooCommerce's API has none since v3."""
    dates = sorted(utc(order["date_created_gmt"]) or "" for order in orders)
    spent = sum((Decimal(order["total"]) for order in orders if order["status"] in PAID), Decimal("0.00"))
    return {
        "wc_customer_id": woo["id"],
        "email": woo["email"],
        "display_name": f"{woo['first_name']} {woo['last_name']}".strip() or woo["username"],
        "total_spent": str(spent),
        "order_count": len(orders),
        "first_order_date": dates[0] if dates else None,
        "last_order_date": dates[-1] if dates else None,
        "created_at": utc(woo["date_created_gmt"]),
    }


def plugin_category(woo: Resource) -> Resource:
    return {
        "wc_category_id": woo["id"],
        "name": unescape(woo["name"]),
        "parent_id": woo["parent"] or None,
        "product_count": woo["count"],
    }


def utc(gmt: str | None) -> str | None:
    # The twin without the suffix is in the shop's local time, which is ambiguous.
    return f"{gmt}Z" if gmt else None
