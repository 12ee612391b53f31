"""Orders of TikTok Shop's Partner API, and their plain records.

Ids are strings of 19 digits, too long for a float. Moments are whole seconds, amounts are strings. A line item is one unit:
units of the same SKU at the same price become one line. `sub_total` is after discounts, before shipping and tax. The status
is TikTok's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from schemas.base.fields import MICRO, MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Amount,
    Id,
    NestedRecord,
    OptionalAmount,
    OptionalId,
    OptionalText,
    Payload,
    UnixSeconds,
    schema_of,
    storable_sum,
)
from schemas.records.shop import Order, OrderItem

MOST_UNITS = 10_000


class Unit(Payload, frozen=True):
    """One line item, which is one unit."""

    sku_id: OptionalId
    product_id: OptionalId
    seller_sku: OptionalText
    product_name: OptionalText
    original_price: OptionalAmount
    sale_price: OptionalAmount


class Payment(Payload, frozen=True):
    """An order's amounts."""

    currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    total_amount: Amount
    sub_total: OptionalAmount
    tax: OptionalAmount
    shipping_fee: OptionalAmount
    seller_discount: OptionalAmount
    platform_discount: OptionalAmount


class TiktokOrder(Payload, frozen=True):
    """The fields of an order that are read. `user_id` identifies the buyer across orders."""

    id: Id
    status: Annotated[str, MaskedText(required=True, blank=False, longest=100)]
    create_time: Annotated[datetime, UnixSeconds(required=True)]
    update_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    user_id: OptionalId
    payment_method_name: OptionalText
    payment: Annotated[Payment, NestedRecord(schema_of(Payment), required=True)]
    line_items: Annotated[tuple[Unit, ...], Records(schema_of(Unit), most=MOST_UNITS)]


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
