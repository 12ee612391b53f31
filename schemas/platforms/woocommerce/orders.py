"""Orders of WooCommerce's REST API v3, and their plain records.

- Only the `_gmt` dates are read. The others are the shop's local time, which is ambiguous for one hour a year.
- Amounts are those of the sale: refunds are listed separately. WooCommerce has no subtotal of an order, so it is computed:
  the sum over the lines, before coupons.
- A line of a deleted product has the product id 0 and may have a blank name.
- The buyer's name, street and e-mail are not among the fields, so they are never fetched; country and state are.
- The order lists its refunds with amounts. Their dates and lines come from the refunds themselves, which the client adds.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from marshmallow import ValidationError

from schemas.base.fields import MICRO, ZERO, Flag, MaskedText, Money, Records, Timestamp
from schemas.base.platform_fields import (
    OPTIONAL,
    Amount,
    Id,
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
from schemas.records.shop import Order, OrderCoupon, OrderItem, RefundItem
from schemas.records.shop import Refund as OrderRefund

MOST_LINES = 1000
ONE = Decimal(1).quantize(MICRO)

UNPAID = ("pending", "on-hold")
VOID = ("cancelled", "failed", "trash")


class Line(Payload, frozen=True):
    """A line of an order. `total` is `subtotal` less coupons; both are without tax, also where prices include it."""

    id: OptionalId
    product_id: OptionalId
    variation_id: OptionalId
    name: OptionalText
    sku: OptionalText
    quantity: Amount
    subtotal: OptionalAmount
    total: OptionalAmount
    total_tax: OptionalAmount


class ShippingLine(Payload, frozen=True):
    """A way of shipping that the buyer pays for."""

    id: OptionalId
    method_title: OptionalText
    total: OptionalAmount
    total_tax: OptionalAmount


class FeeLine(Payload, frozen=True):
    """A fee; below zero for a discount that the merchant gives by hand."""

    id: OptionalId
    name: OptionalText
    total: OptionalAmount
    total_tax: OptionalAmount


class CouponLine(Payload, frozen=True):
    """A coupon that was used."""

    code: OptionalText
    discount: OptionalAmount
    discount_tax: OptionalAmount


class Address(Payload, frozen=True):
    """Where an order is sent, without what tells the person."""

    country: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    state: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]


class RefundTotal(Money):
    """An amount that WooCommerce writes as "-" or "" for a refund without one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Decimal:
        return super()._deserialize("0" if value == "-" else value, attr, data, **kwargs)

    fast_type = Money.fast_type  # `fast_column` leaves "-" to marshmallow


class RefundedLine(Payload, frozen=True):
    """A line of a refund, all below zero. `refunded_item_id` is put in by the client, from the line's meta data."""

    refunded_item_id: OptionalId
    quantity: OptionalAmount
    total: OptionalAmount
    total_tax: OptionalAmount


RefundedLines = Annotated[tuple[RefundedLine, ...], Records(schema_of(RefundedLine), most=MOST_LINES)]


class Refund(Payload, frozen=True):
    """A refund as its order lists it, with what the client adds from the refund itself."""

    id: OptionalId
    reason: OptionalText
    total: Annotated[Decimal | None, RefundTotal(**OPTIONAL)]
    date_created_gmt: OptionalMoment
    line_items: RefundedLines
    shipping_lines: RefundedLines
    fee_lines: RefundedLines


class WooOrder(Payload, frozen=True):
    """The fields of an order that are requested and read."""

    id: Id
    number: Annotated[str | None, MaskedText(longest=200, **OPTIONAL)]
    status: Annotated[str, MaskedText(required=True, blank=False, longest=100)]
    currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    prices_include_tax: Annotated[bool | None, Flag(**OPTIONAL)]
    date_created_gmt: Annotated[datetime, Timestamp(required=True)]
    date_modified_gmt: OptionalMoment
    date_paid_gmt: OptionalMoment
    date_completed_gmt: OptionalMoment
    total: Amount
    total_tax: OptionalAmount
    shipping_total: OptionalAmount
    discount_total: OptionalAmount
    customer_id: OptionalId
    payment_method: OptionalText
    created_via: Annotated[str | None, MaskedText(longest=200, **OPTIONAL)]
    shipping: Annotated[Address | None, NestedRecord(schema_of(Address), **OPTIONAL)]
    line_items: Annotated[tuple[Line, ...], Records(schema_of(Line), most=MOST_LINES)]
    shipping_lines: Annotated[tuple[ShippingLine, ...], Records(schema_of(ShippingLine), most=MOST_LINES)]
    fee_lines: Annotated[tuple[FeeLine, ...], Records(schema_of(FeeLine), most=MOST_LINES)]
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
    coupons = [line for line in native.coupon_lines if line.code]
    refunded = refunded_total(native)
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
        coupon_used=", ".join(line.code for line in coupons if line.code),  # "" without any, as the plugin writes it
        items=(*map(_item, native.line_items), *map(_shipping, native.shipping_lines), *map(_fee, native.fee_lines)),
        number=native.number or None,
        financial_status=_financial_status(native, refunded),
        fulfillment_status="fulfilled" if native.status == "completed" else "unfulfilled",
        platform_status=native.status,
        paid_at=native.date_paid_gmt,
        completed_at=native.date_completed_gmt,
        channel=native.created_via or None,
        ship_country=native.shipping.country or None if native.shipping else None,
        ship_region=native.shipping.state or None if native.shipping else None,
        prices_include_tax=native.prices_include_tax,
        amounts_include_tax=False,
        fee_total=ZERO if not native.fee_lines else storable_sum("fee_lines", (fee.total for fee in native.fee_lines)),
        refunded_total=storable(refunded, "refunds"),
        coupons=tuple(OrderCoupon(line.code or "", line.discount, line.discount_tax) for line in coupons),
        refunds=tuple(map(_refund, native.refunds)),
    )


def refunded_total(native: WooOrder) -> Decimal:
    """The amount refunded so far, as a positive number."""
    return -sum((refund.total for refund in native.refunds if refund.total is not None), Decimal(0))


def _financial_status(native: WooOrder, refunded: Decimal) -> str:
    # WooCommerce has one status for payment and fulfilment.
    if native.status in VOID:
        return "voided"
    if native.status == "refunded" or (refunded and refunded >= native.total):
        return "refunded"
    if refunded:
        return "partially_refunded"
    return "pending" if native.status in UNPAID and native.date_paid_gmt is None else "paid"


def _item(line: Line) -> OrderItem:
    return OrderItem(
        product_name=line.name or "",
        sku=line.sku or None,
        quantity=line.quantity,
        subtotal=line.subtotal,
        total=line.total,
        product_external_id=line.product_id,
        line_external_id=line.id,
        variation_external_id=line.variation_id,
        discount_total=None
        if line.subtotal is None or line.total is None
        else storable(line.subtotal - line.total, "line_items"),
        tax_total=line.total_tax,
    )


def _shipping(line: ShippingLine) -> OrderItem:
    return _priced("shipping", line.method_title, line)


def _fee(line: FeeLine) -> OrderItem:
    return _priced("fee", line.name, line)


def _priced(kind: str, name: str | None, line: ShippingLine | FeeLine) -> OrderItem:
    return OrderItem(
        product_name=name or "",
        sku=None,
        quantity=ONE,
        subtotal=line.total,
        total=line.total,
        product_external_id=None,
        kind=kind,
        line_external_id=line.id,
        tax_total=line.total_tax,
    )


def _refund(refund: Refund) -> OrderRefund:
    kinds = (("product", refund.line_items), ("shipping", refund.shipping_lines), ("fee", refund.fee_lines))
    return OrderRefund(
        external_id=refund.id,
        created_at=refund.date_created_gmt,
        amount=-refund.total if refund.total else ZERO,
        reason=refund.reason or None,
        items=tuple(_refunded(kind, line) for kind, lines in kinds for line in lines),
    )


def _refunded(kind: str, line: RefundedLine) -> RefundItem:
    return RefundItem(
        line_external_id=line.refunded_item_id,
        kind=kind,
        quantity=_positive(line.quantity),
        amount=_positive(line.total),
        tax_total=_positive(line.total_tax),
    )


def _positive(amount: Decimal | None) -> Decimal | None:
    return -amount if amount else amount
