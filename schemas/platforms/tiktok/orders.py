"""Orders of TikTok Shop's Partner API, and their plain records.

Ids are strings of 19 digits, too long for a float. Moments are whole seconds, amounts are strings. A line item is one unit:
units of the same SKU at the same price become one line. `sub_total` is after discounts, before shipping and tax. The status
is TikTok's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas.base.fields import MICRO, ExternalId, MaskedText, Money, Records, RecordSchema, Reference
from schemas.base.platform_fields import OPTIONAL, NestedRecord, Payload, UnixSeconds, storable_sum
from schemas.records.shop import Order, OrderItem

MOST_UNITS = 10_000


class Unit(Payload, frozen=True):
    """One line item, which is one unit."""

    sku_id: int | None
    product_id: int | None
    seller_sku: str | None
    product_name: str | None
    original_price: Decimal | None
    sale_price: Decimal | None


class UnitSchema(RecordSchema):
    record = Unit
    sku_id = Reference(**OPTIONAL)
    product_id = Reference(**OPTIONAL)
    seller_sku = MaskedText(**OPTIONAL)
    product_name = MaskedText(**OPTIONAL)
    original_price = Money(**OPTIONAL)
    sale_price = Money(**OPTIONAL)


class Payment(Payload, frozen=True):
    """An order's amounts."""

    currency: str | None
    total_amount: Decimal
    sub_total: Decimal | None
    tax: Decimal | None
    shipping_fee: Decimal | None
    seller_discount: Decimal | None
    platform_discount: Decimal | None


class PaymentSchema(RecordSchema):
    record = Payment
    currency = MaskedText(longest=20, **OPTIONAL)
    total_amount = Money(required=True)
    sub_total = Money(**OPTIONAL)
    tax = Money(**OPTIONAL)
    shipping_fee = Money(**OPTIONAL)
    seller_discount = Money(**OPTIONAL)
    platform_discount = Money(**OPTIONAL)


class TiktokOrder(Payload, frozen=True):
    """The fields of an order that are read. `user_id` identifies the buyer across orders."""

    id: int
    status: str
    create_time: datetime
    update_time: datetime | None
    user_id: int | None
    payment_method_name: str | None
    payment: Payment
    line_items: tuple[Unit, ...]


class TiktokOrderSchema(RecordSchema):
    record = TiktokOrder
    id = ExternalId(required=True)
    status = MaskedText(required=True, blank=False, longest=100)
    create_time = UnixSeconds(required=True)
    update_time = UnixSeconds(**OPTIONAL)
    user_id = Reference(**OPTIONAL)
    payment_method_name = MaskedText(**OPTIONAL)
    payment = NestedRecord(PaymentSchema, required=True)
    line_items = Records(UnitSchema, most=MOST_UNITS)


def to_order(native: TiktokOrder) -> Order:
    """Raises ValidationError if a computed amount is out of range."""
    payment = native.payment
    return Order(
        external_id=native.id,
        date_created=native.create_time,
        date_modified=native.update_time,
        status=native.status,
        total=payment.total_amount,
        subtotal=payment.sub_total,
        tax_total=payment.tax,
        shipping_total=payment.shipping_fee,
        discount_total=storable_sum("payment", (payment.seller_discount, payment.platform_discount)),
        currency=payment.currency,
        customer_external_id=native.user_id,
        payment_method=native.payment_method_name or None,
        coupon_used=None,
        items=tuple(map(_item, _by_sku(native.line_items))),
    )


def _by_sku(units: Iterable[Unit]) -> list[list[Unit]]:
    groups: dict[tuple[Any, ...], list[Unit]] = {}
    for unit in units:
        sku = unit.sku_id or (unit.product_id, unit.seller_sku, unit.product_name)  # a deleted SKU has no id
        groups.setdefault((sku, unit.sale_price), []).append(unit)
    return list(groups.values())


def _item(units: list[Unit]) -> OrderItem:
    first = units[0]
    return OrderItem(
        product_name=first.product_name or "",
        sku=first.seller_sku or None,
        quantity=Decimal(len(units)).quantize(MICRO),
        subtotal=storable_sum("line_items", (unit.original_price for unit in units)),
        total=storable_sum("line_items", (unit.sale_price for unit in units)),
        product_external_id=first.product_id,
    )
