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

from schemas.base.fields import Count, MaskedText, Records, Timestamp
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
)
from schemas.records.shop import Order, OrderItem

MOST_LINES = 1000

UNPAID_STATUSES = {"authorized": "on-hold", "pending": "pending", "partially_paid": "pending", "expired": "cancelled"}
CLOSED_STATUSES = {"refunded": "refunded", "voided": "cancelled"}
PAID_STATUSES = ("paid", "partially_refunded")


class Allocation(Payload, frozen=True):
    """A share of a discount."""

    amount: Amount


class Line(Payload, frozen=True):
    """A line of an order. Its product may be deleted."""

    product_id: OptionalId
    sku: OptionalText
    title: OptionalText
    quantity: Annotated[int, Count(required=True)]
    price: Amount
    total_discount: OptionalAmount
    discount_allocations: Annotated[tuple[Allocation, ...], Records(schema_of(Allocation), most=MOST_LINES)]


class Buyer(Payload, frozen=True):
    """The customer inside an order."""

    id: OptionalId


class ShopMoney(Payload, frozen=True):
    """An amount in the shop's own currency."""

    amount: OptionalAmount


class MoneySet(Payload, frozen=True):
    """An amount in the shop's and in the buyer's currency. Only the shop's is read."""

    shop_money: Annotated[ShopMoney | None, NestedRecord(schema_of(ShopMoney), **OPTIONAL)]


class DiscountCode(Payload, frozen=True):
    """A code that the buyer entered."""

    code: OptionalText


class ShopifyOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: Id
    created_at: Annotated[datetime, Timestamp(required=True)]
    updated_at: OptionalMoment
    cancelled_at: OptionalMoment
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
    shipping = native.total_shipping_price_set
    return Order(
        external_id=native.id,
        date_created=native.created_at,
        date_modified=native.updated_at,
        status=order_status(native),
        total=native.total_price,
        subtotal=native.subtotal_price,
        tax_total=native.total_tax,
        shipping_total=shipping.shop_money.amount if shipping and shipping.shop_money else None,
        discount_total=native.total_discounts,
        currency=native.currency,
        customer_external_id=native.customer.id if native.customer else None,
        payment_method=_joined(native.payment_gateway_names or ()),
        coupon_used=_joined(tuple(entry.code for entry in native.discount_codes if entry.code)),
        items=tuple(map(_item, native.line_items)),
    )


def _joined(names: tuple[str, ...]) -> str | None:
    return ", ".join(names) or None


@functools.lru_cache(maxsize=1024)  # nearly all lines have a small quantity
def _quantity(pieces: int) -> Decimal:
    return storable(Decimal(pieces), "line_items")


def _item(line: Line) -> OrderItem:
    subtotal = storable(line.price * line.quantity, "line_items")
    discount = line.total_discount  # of the line only: allocations include its share of the order's discount
    if line.discount_allocations:
        discount = sum((share.amount for share in line.discount_allocations), Decimal(0))
    return OrderItem(
        product_name=line.title or "",
        sku=line.sku or None,
        quantity=_quantity(line.quantity),
        subtotal=subtotal,
        total=storable(subtotal - discount, "line_items") if discount else subtotal,
        product_external_id=line.product_id,
    )
