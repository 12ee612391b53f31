"""Orders of Shopify's REST Admin API, and their plain records.

- Amounts are those of the sale (`total_price`, …), as in WooCommerce: refunds do not lower them. `subtotal_price` is after
  discounts, before shipping and tax.
- A line's subtotal is price times quantity. Its total is what remains after all discounts allocated to it.
- All data about the buyer may be missing: Shopify withholds it from apps that are not approved for it.
"""

from __future__ import annotations

import functools
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from schemas.base.fields import ZERO, Count, Flag, MaskedText, Records, Timestamp
from schemas.base.platform_fields import (
    OPTIONAL,
    Amount,
    Id,
    MaskedTexts,
    NestedRecord,
    OptionalAmount,
    OptionalId,
    OptionalMoment,
    OptionalText,
    Payload,
    schema_of,
    storable,
    storable_sum,
)
from schemas.records.shop import Order, OrderCoupon, OrderItem, Refund, RefundItem

MOST_LINES = 1000

UNPAID_STATUSES = {"authorized": "on-hold", "pending": "pending", "partially_paid": "pending", "expired": "cancelled"}
CLOSED_STATUSES = {"refunded": "refunded", "voided": "cancelled"}
PAID_STATUSES = ("paid", "partially_refunded")


class Allocation(Payload, frozen=True):
    """A share of a discount."""

    amount: Amount


class TaxLine(Payload, frozen=True):
    """A tax on a line."""

    price: OptionalAmount


Taxes = Annotated[tuple[TaxLine, ...], Records(schema_of(TaxLine), most=MOST_LINES)]


class Line(Payload, frozen=True):
    """A line of an order. Its product may be deleted."""

    id: OptionalId
    product_id: OptionalId
    variant_id: OptionalId
    sku: OptionalText
    title: OptionalText
    quantity: Annotated[int, Count(required=True)]
    current_quantity: Annotated[int | None, Count(**OPTIONAL)]
    price: Amount
    total_discount: OptionalAmount
    gift_card: Annotated[bool | None, Flag(**OPTIONAL)]
    discount_allocations: Annotated[tuple[Allocation, ...], Records(schema_of(Allocation), most=MOST_LINES)]
    tax_lines: Taxes


class Buyer(Payload, frozen=True):
    """The customer inside an order."""

    id: OptionalId


class ShopMoney(Payload, frozen=True):
    """An amount in one currency."""

    amount: OptionalAmount


class MoneySet(Payload, frozen=True):
    """An amount in the shop's and in the buyer's currency."""

    shop_money: Annotated[ShopMoney | None, NestedRecord(schema_of(ShopMoney), **OPTIONAL)]
    presentment_money: Annotated[ShopMoney | None, NestedRecord(schema_of(ShopMoney), **OPTIONAL)]


class DiscountCode(Payload, frozen=True):
    """A code that the buyer entered."""

    code: OptionalText
    amount: OptionalAmount


class ShippingLine(Payload, frozen=True):
    """A way of shipping that the buyer pays for."""

    id: OptionalId
    title: OptionalText
    price: OptionalAmount
    discounted_price: OptionalAmount
    tax_lines: Taxes


class Address(Payload, frozen=True):
    """Where an order is sent, without what tells the person."""

    country_code: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    province_code: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]


class Transaction(Payload, frozen=True):
    """A movement of money that belongs to a refund."""

    kind: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    amount: OptionalAmount


class RefundLine(Payload, frozen=True):
    """What a refund gives back for one line."""

    line_item_id: OptionalId
    quantity: OptionalAmount
    subtotal: OptionalAmount
    total_tax: OptionalAmount


class Adjustment(Payload, frozen=True):
    """A part of a refund that belongs to no line; below zero if it is given back."""

    kind: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    amount: OptionalAmount
    tax_amount: OptionalAmount


class ShopifyRefund(Payload, frozen=True):
    """A refund inside an order."""

    id: OptionalId
    created_at: OptionalMoment
    note: OptionalText
    transactions: Annotated[tuple[Transaction, ...], Records(schema_of(Transaction), most=MOST_LINES)]
    refund_line_items: Annotated[tuple[RefundLine, ...], Records(schema_of(RefundLine), most=MOST_LINES)]
    order_adjustments: Annotated[tuple[Adjustment, ...], Records(schema_of(Adjustment), most=MOST_LINES)]


class ShopifyOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: Id
    name: Annotated[str | None, MaskedText(longest=200, **OPTIONAL)]
    test: Annotated[bool | None, Flag(**OPTIONAL)]
    created_at: Annotated[datetime, Timestamp(required=True)]
    updated_at: OptionalMoment
    processed_at: OptionalMoment
    cancelled_at: OptionalMoment
    cancel_reason: OptionalText
    closed_at: OptionalMoment
    source_name: Annotated[str | None, MaskedText(longest=200, **OPTIONAL)]
    taxes_included: Annotated[bool | None, Flag(**OPTIONAL)]
    shipping_address: Annotated[Address | None, NestedRecord(schema_of(Address), **OPTIONAL)]
    presentment_currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    total_price_set: Annotated[MoneySet | None, NestedRecord(schema_of(MoneySet), **OPTIONAL)]
    total_tip_received: OptionalAmount
    original_total_duties_set: Annotated[MoneySet | None, NestedRecord(schema_of(MoneySet), **OPTIONAL)]
    original_total_additional_fees_set: Annotated[MoneySet | None, NestedRecord(schema_of(MoneySet), **OPTIONAL)]
    shipping_lines: Annotated[tuple[ShippingLine, ...], Records(schema_of(ShippingLine), most=MOST_LINES)]
    refunds: Annotated[tuple[ShopifyRefund, ...], Records(schema_of(ShopifyRefund), most=MOST_LINES)]
    financial_status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    fulfillment_status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    total_price: Amount
    subtotal_price: OptionalAmount
    total_tax: OptionalAmount
    total_discounts: OptionalAmount
    total_shipping_price_set: Annotated[MoneySet | None, NestedRecord(schema_of(MoneySet), **OPTIONAL)]
    customer: Annotated[Buyer | None, NestedRecord(schema_of(Buyer), **OPTIONAL)]
    payment_gateway_names: Annotated[tuple[str, ...] | None, MaskedTexts(**OPTIONAL)]
    discount_codes: Annotated[tuple[DiscountCode, ...], Records(schema_of(DiscountCode), most=MOST_LINES)]
    line_items: Annotated[tuple[Line, ...], Records(schema_of(Line), most=MOST_LINES)]


def order_status(order: ShopifyOrder) -> str:
    """One WooCommerce status for Shopify's three.

    cancelled: cancelled, voided, expired or restocked. refunded: in full. pending: not or only partly paid. on-hold: the
    payment is authorised, not captured. completed: paid and fulfilled. processing: paid, not fully fulfilled. A partial
    refund changes neither. An unknown payment status is returned as it is.
    """
    if order.cancelled_at is not None or order.fulfillment_status == "restocked":
        return "cancelled"
    payment = order.financial_status or "pending"
    if payment in PAID_STATUSES:
        return "completed" if order.fulfillment_status == "fulfilled" else "processing"
    return CLOSED_STATUSES.get(payment) or UNPAID_STATUSES.get(payment) or payment


def to_order(native: ShopifyOrder) -> Order:
    """Raises ValidationError if a computed amount is out of range."""
    is_paid = native.financial_status in (*PAID_STATUSES, "refunded")
    refunds = tuple(map(_refund, native.refunds))
    presentment = native.total_price_set.presentment_money if native.total_price_set else None
    address = native.shipping_address
    return Order(
        external_id=native.id,
        date_created=native.created_at,
        date_modified=native.updated_at,
        status=order_status(native),
        total=native.total_price,
        subtotal=native.subtotal_price,
        tax_total=native.total_tax,
        shipping_total=_shop_amount(native.total_shipping_price_set),
        discount_total=native.total_discounts,
        currency=native.currency,
        customer_external_id=native.customer.id if native.customer else None,
        payment_method=_joined(native.payment_gateway_names or ()),
        coupon_used=_joined(tuple(entry.code for entry in native.discount_codes if entry.code)),
        items=(*map(_item, native.line_items), *map(_shipping, native.shipping_lines)),
        number=native.name or None,
        financial_status=native.financial_status,
        fulfillment_status=native.fulfillment_status or "unfulfilled",
        platform_status=native.financial_status,
        is_test=native.test,
        paid_at=native.processed_at if is_paid else None,
        completed_at=native.closed_at,
        cancelled_at=native.cancelled_at,
        cancel_reason=native.cancel_reason or None,
        channel=native.source_name or None,
        ship_country=address.country_code or None if address else None,
        ship_region=address.province_code or None if address else None,
        prices_include_tax=native.taxes_included,
        amounts_include_tax=native.taxes_included,
        presentment_currency=native.presentment_currency,
        presentment_total=presentment.amount if presentment else None,
        fee_total=storable_sum(
            "fee_total",
            map(_shop_amount, (native.original_total_duties_set, native.original_total_additional_fees_set)),
        ),
        tip_total=native.total_tip_received,
        refunded_total=storable_sum("refunds", (ZERO, *(refund.amount for refund in refunds))),
        coupons=tuple(OrderCoupon(entry.code, entry.amount, None) for entry in native.discount_codes if entry.code),
        refunds=refunds,
    )


def _shop_amount(found: MoneySet | None) -> Decimal | None:
    return found.shop_money.amount if found and found.shop_money else None


def _joined(names: tuple[str, ...]) -> str | None:
    return ", ".join(names) or None


@functools.lru_cache(maxsize=1024)  # nearly all lines have a small quantity
def _quantity(pieces: int) -> Decimal:
    return storable(Decimal(pieces), "line_items")


def _item(line: Line) -> OrderItem:
    subtotal = storable(line.price * line.quantity, "line_items")
    discount = line.total_discount  # of the line only: allocations include its share of the order's discount
    if line.discount_allocations:
        discount = storable_sum("line_items", (share.amount for share in line.discount_allocations))
    return OrderItem(
        product_name=line.title or "",
        sku=line.sku or None,
        quantity=_quantity(line.quantity),
        subtotal=subtotal,
        total=storable(subtotal - discount, "line_items") if discount else subtotal,
        product_external_id=line.product_id,
        kind="gift_card" if line.gift_card else "product",
        line_external_id=line.id,
        variation_external_id=line.variant_id,
        current_quantity=None if line.current_quantity is None else _quantity(line.current_quantity),
        discount_total=discount,
        tax_total=_taxes(line.tax_lines),
    )


def _shipping(line: ShippingLine) -> OrderItem:
    total = line.price if line.discounted_price is None else line.discounted_price
    return OrderItem(
        product_name=line.title or "",
        sku=None,
        quantity=_quantity(1),
        subtotal=line.price,
        total=total,
        product_external_id=None,
        kind="shipping",
        line_external_id=line.id,
        discount_total=None if line.price is None or total is None else storable(line.price - total, "shipping_lines"),
        tax_total=_taxes(line.tax_lines),
    )


def _taxes(lines: tuple[TaxLine, ...]) -> Decimal | None:
    return storable_sum("tax_lines", (tax.price for tax in lines))


def _refund(refund: ShopifyRefund) -> Refund:
    """What was given back is what its transactions moved: lines may be restocked without money."""
    given = [entry.amount for entry in refund.transactions if (entry.kind, entry.status) == ("refund", "success")]
    lines = [
        RefundItem(line.line_item_id, "product", line.quantity, line.subtotal, line.total_tax)
        for line in refund.refund_line_items
    ]
    shipping = [
        RefundItem(None, "shipping", None, _positive(entry.amount), _positive(entry.tax_amount))
        for entry in refund.order_adjustments
        if entry.kind == "shipping_refund"
    ]
    return Refund(
        external_id=refund.id,
        created_at=refund.created_at,
        amount=storable_sum("refunds", given) or ZERO,
        reason=refund.note or None,
        items=(*lines, *shipping),
    )


def _positive(amount: Decimal | None) -> Decimal | None:
    return -amount if amount else amount
