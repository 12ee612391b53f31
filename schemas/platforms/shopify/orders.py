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

from schemas.base.fields import Count, ExternalId, MaskedText, Money, Records, RecordSchema, Reference, Timestamp
from schemas.base.platform_fields import OPTIONAL, MaskedTexts, NestedRecord, Payload, storable
from schemas.records.shop import Order, OrderItem

MOST_LINES = 1000

UNPAID_STATUSES = {"authorized": "on-hold", "pending": "pending", "partially_paid": "pending", "expired": "cancelled"}
CLOSED_STATUSES = {"refunded": "refunded", "voided": "cancelled"}
PAID_STATUSES = ("paid", "partially_refunded")


class Allocation(Payload, frozen=True):
    """A share of a discount."""

    amount: Decimal


class AllocationSchema(RecordSchema):
    record = Allocation
    amount = Money(required=True)


class Line(Payload, frozen=True):
    """A line of an order. Its product may be deleted."""

    product_id: int | None
    sku: str | None
    title: str | None
    quantity: int
    price: Decimal
    total_discount: Decimal | None
    discount_allocations: tuple[Allocation, ...]


class LineSchema(RecordSchema):
    record = Line
    product_id = Reference(**OPTIONAL)
    sku = MaskedText(**OPTIONAL)
    title = MaskedText(**OPTIONAL)
    quantity = Count(required=True)
    price = Money(required=True)
    total_discount = Money(**OPTIONAL)
    discount_allocations = Records(AllocationSchema, most=MOST_LINES)


class Buyer(Payload, frozen=True):
    """The customer inside an order."""

    id: int | None


class BuyerSchema(RecordSchema):
    record = Buyer
    id = Reference(**OPTIONAL)


class ShopMoney(Payload, frozen=True):
    """An amount in the shop's own currency."""

    amount: Decimal | None


class ShopMoneySchema(RecordSchema):
    record = ShopMoney
    amount = Money(**OPTIONAL)


class MoneySet(Payload, frozen=True):
    """An amount in the shop's and in the buyer's currency. Only the shop's is read."""

    shop_money: ShopMoney | None


class MoneySetSchema(RecordSchema):
    record = MoneySet
    shop_money = NestedRecord(ShopMoneySchema, **OPTIONAL)


class DiscountCode(Payload, frozen=True):
    """A code that the buyer entered."""

    code: str | None


class DiscountCodeSchema(RecordSchema):
    record = DiscountCode
    code = MaskedText(**OPTIONAL)


class ShopifyOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: int
    created_at: datetime
    updated_at: datetime | None
    cancelled_at: datetime | None
    financial_status: str | None
    fulfillment_status: str | None
    currency: str | None
    total_price: Decimal
    subtotal_price: Decimal | None
    total_tax: Decimal | None
    total_discounts: Decimal | None
    total_shipping_price_set: MoneySet | None
    customer: Buyer | None
    payment_gateway_names: tuple[str, ...] | None
    discount_codes: tuple[DiscountCode, ...]
    line_items: tuple[Line, ...]


class ShopifyOrderSchema(RecordSchema):
    record = ShopifyOrder
    id = ExternalId(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(**OPTIONAL)
    cancelled_at = Timestamp(**OPTIONAL)
    financial_status = MaskedText(longest=100, **OPTIONAL)
    fulfillment_status = MaskedText(longest=100, **OPTIONAL)
    currency = MaskedText(longest=20, **OPTIONAL)
    total_price = Money(required=True)
    subtotal_price = Money(**OPTIONAL)
    total_tax = Money(**OPTIONAL)
    total_discounts = Money(**OPTIONAL)
    total_shipping_price_set = NestedRecord(MoneySetSchema, **OPTIONAL)
    customer = NestedRecord(BuyerSchema, **OPTIONAL)
    payment_gateway_names = MaskedTexts(**OPTIONAL)
    discount_codes = Records(DiscountCodeSchema, most=MOST_LINES)
    line_items = Records(LineSchema, most=MOST_LINES)


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
