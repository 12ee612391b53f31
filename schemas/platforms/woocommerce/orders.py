"""Orders of WooCommerce's REST API v3, and their plain records.

- Only the `_gmt` dates are read. The others are the shop's local time, which is ambiguous for one hour a year.
- Amounts are those of the sale: refunds are listed separately. WooCommerce has no subtotal of an order, so it is computed:
  the sum over the lines, before coupons.
- A line of a deleted product has the product id 0 and may have a blank name.
- The buyer's name, address and e-mail are not among the fields, so they are never fetched.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from marshmallow import ValidationError

from schemas.base.fields import ZERO, ExternalId, MaskedText, Money, Records, RecordSchema, Reference, Timestamp
from schemas.base.platform_fields import OPTIONAL, Payload, storable_sum
from schemas.records.shop import Order, OrderItem

MOST_LINES = 1000


class Line(Payload, frozen=True):
    """A line of an order. `total` is `subtotal` less coupons."""

    product_id: int | None
    name: str | None
    sku: str | None
    quantity: Decimal
    subtotal: Decimal | None
    total: Decimal | None


class LineSchema(RecordSchema):
    record = Line
    product_id = Reference(**OPTIONAL)
    name = MaskedText(**OPTIONAL)
    sku = MaskedText(**OPTIONAL)
    quantity = Money(required=True)
    subtotal = Money(**OPTIONAL)
    total = Money(**OPTIONAL)


class CouponLine(Payload, frozen=True):
    """A coupon that was used."""

    code: str | None


class CouponLineSchema(RecordSchema):
    record = CouponLine
    code = MaskedText(**OPTIONAL)


class RefundTotal(Money):
    """The refunded amount, below zero. WooCommerce writes "-" for a refund without an amount."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        return super()._deserialize("0" if value == "-" else value, attr, data, **kwargs)

    fast_type = Money.fast_type  # `fast_column` leaves "-" to marshmallow


class Refund(Payload, frozen=True):
    """A refund as its order lists it."""

    total: Decimal | None


class RefundSchema(RecordSchema):
    record = Refund
    total = RefundTotal(**OPTIONAL)


class WooOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: int
    number: str | None
    status: str
    currency: str | None
    date_created_gmt: datetime
    date_modified_gmt: datetime | None
    total: Decimal
    total_tax: Decimal | None
    shipping_total: Decimal | None
    discount_total: Decimal | None
    customer_id: int | None
    payment_method: str | None
    line_items: tuple[Line, ...]
    coupon_lines: tuple[CouponLine, ...]
    refunds: tuple[Refund, ...]


class WooOrderSchema(RecordSchema):
    record = WooOrder
    id = ExternalId(required=True)
    number = MaskedText(longest=200, **OPTIONAL)
    status = MaskedText(required=True, blank=False, longest=100)
    currency = MaskedText(longest=20, **OPTIONAL)
    date_created_gmt = Timestamp(required=True)
    date_modified_gmt = Timestamp(**OPTIONAL)
    total = Money(required=True)
    total_tax = Money(**OPTIONAL)
    shipping_total = Money(**OPTIONAL)
    discount_total = Money(**OPTIONAL)
    customer_id = Reference(**OPTIONAL)
    payment_method = MaskedText(**OPTIONAL)
    line_items = Records(LineSchema, most=MOST_LINES)
    coupon_lines = Records(CouponLineSchema, most=MOST_LINES)
    refunds = Records(RefundSchema, most=MOST_LINES)


def read_order(payload: Any) -> WooOrder | None:
    """Load an order; None if it is invalid."""
    try:
        order: WooOrder = WooOrderSchema().load(payload)
    except ValidationError:
        return None
    return order


def to_order(native: WooOrder) -> Order:
    """Raises ValidationError if a computed amount is out of range."""
    coupons = [line.code for line in native.coupon_lines if line.code]
    return Order(
        external_id=native.id,
        date_created=native.date_created_gmt,
        date_modified=native.date_modified_gmt,
        status=native.status,
        total=native.total,
        # An order without lines sums up to zero; a sum of unknown amounts is unknown.
        subtotal=ZERO
        if not native.line_items
        else storable_sum("line_items", (line.subtotal for line in native.line_items)),
        tax_total=native.total_tax,
        shipping_total=native.shipping_total,
        discount_total=native.discount_total,
        currency=native.currency,
        customer_external_id=native.customer_id,
        payment_method=native.payment_method,
        coupon_used=", ".join(coupons),  # "" without any, as the plugin writes it
        items=tuple(map(_item, native.line_items)),
    )


def refunded_total(native: WooOrder) -> Decimal:
    """The amount refunded so far, as a positive number."""
    return -sum((refund.total for refund in native.refunds if refund.total is not None), Decimal(0))


def _item(line: Line) -> OrderItem:
    return OrderItem(
        product_name=line.name or "",
        sku=line.sku or None,
        quantity=line.quantity,
        subtotal=line.subtotal,
        total=line.total,
        product_external_id=line.product_id,
    )
