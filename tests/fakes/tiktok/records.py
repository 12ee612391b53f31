"""Orders and products in the form of TikTok Shop: ids are texts of 19 digits, with one line item per unit."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

FIRST_ORDER = 5_764_614_130_000_000_000
FIRST_PRODUCT = 1_729_592_969_700_000_000
FIRST_RETURN = 4_035_318_504_000_000_000
FIRST_CANCELLATION = 4_035_400_000_000_000_000
FIRST_BUYER = 7_021_436_810_468_000_000
STATUSES = ("COMPLETED", "COMPLETED", "DELIVERED", "IN_TRANSIT", "AWAITING_SHIPMENT", "CANCELLED", "UNPAID")


def order(key: int, created: int, updated: int) -> Row:
    number = key - FIRST_ORDER
    units = [unit for sku in range(1 + number % 2) for unit in _units(number, sku)]
    before = sum(float(unit["original_price"]) for unit in units)
    after = sum(float(unit["sale_price"]) for unit in units)
    status = STATUSES[number % len(STATUSES)]
    row = {
        "id": str(key),
        "status": status,
        "create_time": created,
        "update_time": updated,
        "user_id": str(FIRST_BUYER + number % 9000),
        "buyer_email": f"v{number}@chat.seller.tiktok.com",
        "buyer_message": f"write to buyer{number}@example.com",
        "payment_method_name": "CCDC",
        "is_sample_order": False,
        "payment": {
            "currency": "GBP",
            "original_total_product_price": f"{before:.2f}",
            "seller_discount": f"{before - after:.2f}",
            "platform_discount": "0.00",
            "sub_total": f"{after:.2f}",
            "shipping_fee": "2.99",
            "tax": "0.00",
            "total_amount": f"{after + 2.99:.2f}",
        },
        "line_items": units,
    }
    if status != "UNPAID":
        row["recipient_address"] = {"name": "T***t", "phone_number": "(+44)7***00", "region_code": "GB"}
    return row


def _units(number: int, sku: int) -> list[Row]:
    product = FIRST_PRODUCT + (number * 3 + sku) % 5000
    price = 5 + product % 60
    unit = {
        "sku_id": str(product + 10_000_000),
        "product_id": str(product),
        "seller_sku": f"SKU-{product % 5000}" if sku else "",
        "product_name": f"Product {product % 5000}",
        "sku_name": "Red, M",
        "original_price": f"{price}.50",
        "sale_price": f"{price}.00",
        "currency": "GBP",
        "is_gift": False,
        "item_tax": [],
    }
    return [
        {"id": str(5_770_000_000_000_000_000 + number * 8 + sku * 4 + nth), **unit} for nth in range(1 + number % 3)
    ]


def product(key: int, created: int, updated: int) -> Row:
    return {
        "id": str(key),
        "title": f"Product {key - FIRST_PRODUCT}",
        "status": "ACTIVATE",
        "create_time": created,
        "update_time": updated,
        "skus": [
            {
                "id": str(key + 10_000_000),
                "seller_sku": f"SKU-{key - FIRST_PRODUCT}",
                "sales_attributes": [{"id": "100089", "name": "Colour", "value_id": "1", "value_name": "red"}],
                "price": {"currency": "GBP", "tax_exclusive_price": "10.00", "sale_price": "12.00"},
                "inventory": [{"warehouse_id": "7068517275539719942", "quantity": key % 20}],
            }
        ],
    }


def returned(key: int, created: int, updated: int) -> Row:
    """A completed return of one unit of an order."""
    amounts = {
        "currency": "GBP",
        "refund_total": "6.49",
        "refund_subtotal": "5.00",
        "refund_shipping_fee": "0.49",
        "refund_tax": "1",
    }
    unit = {"return_line_item_id": str(key * 2), "order_line_item_id": str(5_770_000_000_000_000_000 + key % 1000)}
    sku = FIRST_PRODUCT + 10_000_000 + (key - FIRST_RETURN) * 3
    return {
        "return_id": str(key),
        "order_id": str(FIRST_ORDER + key - FIRST_RETURN),
        "return_type": "REFUND",
        "return_status": "RETURN_OR_REFUND_REQUEST_COMPLETE",
        "return_reason_text": "Write to buyer@example.com",
        "create_time": created,
        "update_time": updated,
        "refund_amount": amounts,
        "return_line_items": [{**unit, "sku_id": str(sku), "refund_amount": amounts}],
    }


def cancelled(key: int, created: int, updated: int) -> Row:
    """A request to cancel one unit that nobody has answered yet."""
    amounts = {"currency": "GBP", "refund_total": "5.00", "refund_subtotal": "5.00"}
    unit = {"cancel_line_item_id": str(key * 2), "order_line_item_id": str(5_770_000_000_000_000_000), "sku_id": "1"}
    return {
        "cancel_id": str(key),
        "order_id": str(FIRST_ORDER + key - FIRST_CANCELLATION),
        "cancel_type": "BUYER_CANCEL",
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "create_time": created,
        "update_time": updated,
        "refund_amount": amounts,
        "cancel_line_items": [{**unit, "refund_amount": amounts}],
    }
