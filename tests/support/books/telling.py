"""How a plugin and each platform tell the same sale, in their own form."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.books.sales import EXPONENTS, GivenBack, Refunded, Sale, Sold

Told = dict[str, Any]
FIRST_TIKTOK = 5_764_614_130_000_000_000


def money(units: int, currency: str) -> str:
    """Written digit by digit: no arithmetic that a product's rounding could share."""
    exponent = EXPONENTS[currency]
    digits = str(abs(units)).rjust(exponent + 1, "0")
    whole, part = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    return ("-" if units < 0 else "") + whole + (f".{part}" if part else "")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def changed_at(sale: Sale) -> datetime:
    return max((sale.at, *(refund.at for refund in sale.refunds)))


def paid_word(sale: Sale) -> str:
    if sale.state in ("cancelled", "pending"):
        return {"cancelled": "voided", "pending": "pending"}[sale.state]
    if not sale.refunded:
        return "paid"
    return "refunded" if sale.refunded >= sale.total else "partially_refunded"


def by_plugin(sale: Sale) -> Told:
    cash = sale.currency

    def line(sold: Sold) -> Told:
        return {
            "product_name": f"Product {sold.product}",
            "quantity": sold.quantity,
            "subtotal": money(sold.gross, cash),
            "total": money(sold.sold, cash),
            "wc_product_id": sold.product,
            "variation_id": sold.variation,
            "line_id": sold.id,
            "discount_total": money(sold.discount, cash),
            "tax_total": money(sold.tax, cash),
        }

    def back(part: GivenBack) -> Told:
        told = {"quantity": part.quantity, "amount": money(part.amount, cash), "tax_total": money(part.tax, cash)}
        return told | ({"line_id": part.line.id} if part.line else {"kind": "shipping"})

    return {
        "wc_order_id": sale.key,
        "date_created": iso(sale.at),
        "date_modified": iso(changed_at(sale)),
        "status": {"sold": "completed", "test": "completed"}.get(sale.state, sale.state),
        "financial_status": paid_word(sale),
        "is_test": sale.state == "test",
        "currency": cash,
        "total": money(sale.total, cash),
        "tax_total": money(sale.tax, cash),
        "shipping_total": money(sale.shipping, cash),
        "fee_total": money(sale.fee, cash),
        "discount_total": money(sum(each.discount for each in sale.lines), cash),
        "amounts_include_tax": sale.tax_included,
        "customer_id": sale.customer,
        "items": [line(each) for each in sale.lines],
        "refunded_total": money(sale.refunded, cash),
        "refunds": [
            {
                "refund_id": each.id,
                "created_at": iso(each.at),
                "amount": money(each.amount, cash),
                "items": [*map(back, each.parts)],
            }
            for each in sale.refunds
        ],
    }


def by_woocommerce(sale: Sale) -> Told:
    """As the client hands it on: with the lines of the refunds."""
    cash = sale.currency

    def line(sold: Sold) -> Told:
        return {
            "id": sold.id,
            "name": f"Product {sold.product}",
            "product_id": sold.product or 0,
            "variation_id": sold.variation or 0,
            "quantity": sold.quantity,
            "subtotal": money(sold.gross, cash),
            "total": money(sold.sold, cash),
            "total_tax": money(sold.tax, cash),
        }

    def refund(back: Refunded) -> Told:
        def part(given: GivenBack) -> Told:
            amounts = {"total": money(-given.amount, cash), "total_tax": money(-given.tax, cash)}
            return amounts | (
                {"refunded_item_id": str(given.line.id), "quantity": -given.quantity} if given.line else {}
            )

        return {
            "id": back.id,
            "total": money(-back.amount, cash),
            "date_created_gmt": iso(back.at).removesuffix("Z"),
            "line_items": [part(given) for given in back.parts if given.line],
            "shipping_lines": [part(given) for given in back.parts if not given.line],
        }

    shipping = {"id": sale.key * 10 + 8, "method_title": "Flat rate"}
    fee = {"id": sale.key * 10 + 9, "name": "Wrapping", "total": money(sale.fee, cash), "total_tax": "0"}
    is_refunded = paid_word(sale) == "refunded"
    return {
        "id": sale.key,
        "number": str(sale.key),
        "status": "refunded" if is_refunded else {"sold": "processing"}.get(sale.state, sale.state),
        "currency": cash,
        "date_created_gmt": iso(sale.at).removesuffix("Z"),
        "date_modified_gmt": iso(changed_at(sale)).removesuffix("Z"),
        "date_paid_gmt": iso(sale.at).removesuffix("Z") if sale.state == "sold" else None,
        "total": money(sale.total, cash),
        "total_tax": money(sale.tax, cash),
        "shipping_total": money(sale.shipping, cash),
        "discount_total": money(sum(each.discount for each in sale.lines), cash),
        "customer_id": sale.customer or 0,
        "line_items": [line(each) for each in sale.lines],
        "shipping_lines": [
            shipping | {"total": money(sale.shipping, cash), "total_tax": money(sale.shipping_tax, cash)}
        ],
        "fee_lines": [fee] if sale.fee else [],
        "refunds": [refund(each) for each in sale.refunds],
    }


def by_shopify(sale: Sale) -> Told:
    cash = sale.currency

    def both(units: int) -> Told:
        return {"shop_money": {"amount": money(units, cash)}, "presentment_money": {"amount": money(units, cash)}}

    def line(sold: Sold) -> Told:
        shares = [{"amount": money(sold.discount, cash)}] if sold.discount else []
        return {
            "id": sold.id,
            "product_id": sold.product,
            "variant_id": sold.variation,
            "title": f"Product {sold.product}",
            "quantity": sold.quantity,
            "current_quantity": sold.quantity,
            "price": money(sold.unit_price, cash),
            "discount_allocations": shares,
            "tax_lines": [{"price": money(sold.tax, cash)}],
        }

    def refund(back: Refunded) -> Told:
        lines = [
            {
                "line_item_id": part.line.id,
                "quantity": part.quantity,
                "subtotal": money(part.amount, cash),
                "total_tax": money(part.tax, cash),
            }
            for part in back.parts
            if part.line
        ]
        shipping = [
            {"kind": "shipping_refund", "amount": money(-part.amount, cash), "tax_amount": money(-part.tax, cash)}
            for part in back.parts
            if not part.line
        ]
        moved = {"kind": "refund", "status": "success", "amount": money(back.amount, cash)}
        failed = {"kind": "refund", "status": "failure", "amount": money(back.amount, cash)}
        return {
            "id": back.id,
            "created_at": iso(back.at),
            "transactions": [failed, moved],
            "refund_line_items": lines,
            "order_adjustments": shipping,
        }

    return {
        "id": sale.key,
        "name": f"#{sale.key}",
        "test": sale.state == "test",
        "created_at": iso(sale.at),
        "updated_at": iso(changed_at(sale)),
        "processed_at": iso(sale.at),
        "cancelled_at": iso(sale.at + timedelta(hours=1)) if sale.state == "cancelled" else None,
        "financial_status": paid_word(sale),
        "fulfillment_status": "fulfilled",
        "currency": cash,
        "taxes_included": sale.tax_included,
        "total_price": money(sale.total, cash),
        "total_tax": money(sale.tax, cash),
        "total_discounts": money(sum(each.discount for each in sale.lines), cash),
        "total_tip_received": money(sale.tip, cash),
        "total_shipping_price_set": both(sale.shipping),
        "total_price_set": both(sale.total),
        "original_total_duties_set": both(sale.fee),
        "customer": {"id": sale.customer} if sale.customer else None,
        "line_items": [line(each) for each in sale.lines],
        "shipping_lines": [
            {
                "id": sale.key * 10 + 8,
                "price": money(sale.shipping, cash),
                "discounted_price": money(sale.shipping, cash),
            }
        ],
        "refunds": [refund(each) for each in sale.refunds],
    }


def by_tiktok(sale: Sale) -> Told:
    """One line item a unit. A discount that can't be shared evenly is on the first unit, which makes a line of its own."""
    cash = sale.currency

    def units(sold: Sold) -> Iterable[Told]:
        for number in range(sold.quantity):
            own, theirs = (sold.discount, sold.platform_discount) if number == 0 else (0, 0)
            yield {
                "id": str(sold.id * 10 + number),
                "sku_id": str(sold.variation) if sold.variation else None,
                "product_id": str(sold.product) if sold.product else None,
                "product_name": f"Product {sold.product}",
                "display_status": "CANCELLED" if number < sold.cancelled else "COMPLETED",
                "original_price": money(sold.unit_price, cash),
                "sale_price": money(sold.unit_price - own - theirs, cash),
                "seller_discount": money(own, cash),
                "platform_discount": money(theirs, cash),
                "item_tax": [{"tax_amount": money(sold.tax, cash)}] if number == 0 else [],
            }

    lines = [unit for sold in sale.lines for unit in units(sold)]
    return {
        "id": str(sale.key),
        "status": {"cancelled": "CANCELLED", "pending": "UNPAID"}.get(sale.state, "COMPLETED"),
        "create_time": int(sale.at.timestamp()),
        "update_time": int(changed_at(sale).timestamp()),
        "is_sample_order": sale.state == "test",
        "user_id": str(sale.customer) if sale.customer else None,
        "payment": {
            "currency": cash,
            "total_amount": money(sale.total, cash),
            "tax": money(sale.tax, cash),
            "shipping_fee": money(sale.shipping, cash),
            "handling_fee": money(sale.fee, cash),
            "seller_discount": money(sum(sold.discount for sold in sale.lines), cash),
            "platform_discount": money(sum(sold.platform_discount for sold in sale.lines), cash),
        },
        "line_items": lines,
    }
