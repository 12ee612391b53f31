"""Orders, products and customers in the form of Shopify, with an e-mail address wherever Shopify has one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Row = dict[str, Any]
ZONE = timezone(timedelta(hours=-5))  # a shop's answers bear its own zone


def iso(second: int) -> str:
    return datetime.fromtimestamp(second, ZONE).isoformat()


def seconds(text: str) -> int:
    """A filter's value as unix seconds; UTC without a zone."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def order(key: int, created: int, updated: int) -> Row:
    lines = [line(key, number) for number in range(1 + key % 3)]
    subtotal = sum(float(each["price"]) * each["quantity"] for each in lines)
    shipping = 4.99 if key % 2 else 0.0
    buyer = 700_000 + key % 5000
    return {
        "id": key,
        "admin_graphql_api_id": f"gid://shopify/Order/{key}",
        "name": f"#{key % 100_000}",
        "created_at": iso(created),
        "updated_at": iso(updated),
        "closed_at": None,
        "cancelled_at": None,
        "currency": "EUR",
        "total_price": f"{subtotal + shipping:.2f}",
        "subtotal_price": f"{subtotal:.2f}",
        "total_tax": f"{subtotal * 0.19 / 1.19:.2f}",
        "taxes_included": True,
        "total_discounts": "0.00",
        "total_shipping_price_set": {
            "shop_money": {"amount": f"{shipping:.2f}", "currency_code": "EUR"},
            "presentment_money": {"amount": f"{shipping:.2f}", "currency_code": "EUR"},
        },
        "financial_status": "paid",
        "fulfillment_status": "fulfilled" if key % 4 else None,
        "payment_gateway_names": ["shopify_payments"],
        "discount_codes": [],
        "email": f"buyer{buyer}@example.com",
        "contact_email": f"buyer{buyer}@example.com",
        "tags": "",
        "test": False,
        "source_name": "web",
        "processed_at": iso(created),
        "shipping_address": {"first_name": "Ann", "country_code": "DE", "province_code": "BE"},
        "shipping_lines": [],
        "refunds": [],
        "customer": None if key % 10 == 0 else {"id": buyer, "email": f"buyer{buyer}@example.com", "first_name": "Ann"},
        "line_items": lines,
    }


def line(key: int, number: int) -> Row:
    product = 900_000 + (key * 7 + number) % 2000
    return {
        "id": key * 10 + number,
        "product_id": product,
        "variant_id": product * 10,
        "sku": f"SKU-{product}",
        "title": f"Product {product}",
        "variant_title": None,
        "quantity": 1 + number,
        "current_quantity": 1 + number,
        "price": f"{9 + product % 90}.95",
        "total_discount": "0.00",
        "discount_allocations": [],
        "properties": [],
    }


def product(key: int, created: int, updated: int) -> Row:
    return {
        "id": key,
        "title": f"Product {key}",
        "body_html": "<p>Write to help@example.com</p>",
        "product_type": "Things",
        "created_at": iso(created),
        "updated_at": iso(updated),
        "status": "active",
        "variants": [
            {
                "id": key * 10,
                "product_id": key,
                "sku": f"SKU-{key}",
                "price": f"{9 + key % 90}.95",
                "compare_at_price": None,
                "inventory_management": "shopify",
                "inventory_policy": "deny",
                "inventory_quantity": key % 50,
            }
        ],
    }


def customer(key: int, created: int, updated: int) -> Row:
    return {
        "id": key,
        "email": f"buyer{key}@example.com",
        "first_name": "Ann",
        "last_name": f"Number {key}",
        "created_at": iso(created),
        "updated_at": iso(updated),
        "orders_count": 3,
        "total_spent": "99.90",
        "currency": "EUR",
        "state": "enabled",
    }
