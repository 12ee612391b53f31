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
from typing import Annotated, Any

from marshmallow import ValidationError

from schemas.base.fields import ZERO, MaskedText, Money, Records, Timestamp
from schemas.base.platform_fields import (
    OPTIONAL,
    Amount,
    Id,
    OptionalAmount,
    OptionalId,
    OptionalMoment,
    OptionalText,
    Payload,
    schema_of,
    storable_sum,
)
from schemas.records.shop import Order, OrderItem

MOST_LINES = 1000


class Line(Payload, frozen=True):
    """A line of an order. `total` is `subtotal` less coupons."""

    product_id: OptionalId
    name: OptionalText
    sku: OptionalText
    quantity: Amount
    subtotal: OptionalAmount
    total: OptionalAmount


class CouponLine(Payload, frozen=True):
    """A coupon that was used."""

    code: OptionalText


class RefundTotal(Money):
    """The refunded amount, below zero. WooCommerce writes "-" for a refund without an amount."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        return super()._deserialize("0" if value == "-" else value, attr, data, **kwargs)

    fast_type = Money.fast_type  # `fast_column` leaves "-" to marshmallow


class Refund(Payload, frozen=True):
    """A refund as its order lists it."""

    total: Annotated[Decimal | None, RefundTotal(**OPTIONAL)]


class WooOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: Id
    number: Annotated[str | None, MaskedText(longest=200, **OPTIONAL)]
    status: Annotated[str, MaskedText(required=True, blank=False, longest=100)]
    currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    date_created_gmt: Annotated[datetime, Timestamp(required=True)]
    date_modified_gmt: OptionalMoment
    total: Amount
    total_tax: OptionalAmount
    shipping_total: OptionalAmount
    discount_total: OptionalAmount
    customer_id: OptionalId
    payment_method: OptionalText
    line_items: Annotated[tuple[Line, ...], Records(schema_of(Line), most=MOST_LINES)]
    coupon_lines: Annotated[tuple[CouponLine, ...], Records(schema_of(CouponLine), most=MOST_LINES)]
    refunds: Annotated[tuple[Refund, ...], Records(schema_of(Refund), most=MOST_LINES)]


_WOO_ORDER = schema_of(WooOrder)()


def read_order(payload: Any) -> WooOrder | None:
    """Load an order; None if it is invalid."""
    try:
        order: WooOrder = _WOO_ORDER.load(payload)
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
