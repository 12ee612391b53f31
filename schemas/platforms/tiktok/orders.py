"""Orders of TikTok Shop's Partner API, and their plain records.

Ids are strings of 19 digits, too long for a float. Moments are whole seconds, amounts are strings. A line item is one unit:
units of the same SKU at the same price become one line, whose id is that of the first. `sub_total` is after discounts, before
shipping and tax. What TikTok itself pays of a discount is kept apart from the merchant's part.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from schemas.base.fields import MICRO, Flag, MaskedText, Records
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
CANCELLED = "CANCELLED"

# TikTok's words in WooCommerce's. An unknown one stays as it is.
STATUSES = {
    "UNPAID": "pending",
    "ON_HOLD": "on-hold",
    "AWAITING_SHIPMENT": "processing",
    "PARTIALLY_SHIPPING": "processing",
    "AWAITING_COLLECTION": "processing",
    "IN_TRANSIT": "processing",
    "DELIVERED": "completed",
    "COMPLETED": "completed",
    CANCELLED: "cancelled",
}
SHIPPED = {
    "PARTIALLY_SHIPPING": "partial",
    "IN_TRANSIT": "fulfilled",
    "DELIVERED": "fulfilled",
    "COMPLETED": "fulfilled",
}


class ItemTax(Payload, frozen=True):
    """A tax on one unit."""

    tax_amount: OptionalAmount


class Unit(Payload, frozen=True):
    """One line item, which is one unit. `sale_price` is after both discounts."""

    id: OptionalId
    sku_id: OptionalId
    product_id: OptionalId
    seller_sku: OptionalText
    product_name: OptionalText
    display_status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    original_price: OptionalAmount
    sale_price: OptionalAmount
    seller_discount: OptionalAmount
    item_tax: Annotated[tuple[ItemTax, ...], Records(schema_of(ItemTax), most=MOST_UNITS)]


class Payment(Payload, frozen=True):
    """An order's amounts. `shipping_fee` is after discounts."""

    currency: Annotated[str | None, MaskedText(longest=20, **OPTIONAL)]
    total_amount: Amount
    sub_total: OptionalAmount
    tax: OptionalAmount
    shipping_fee: OptionalAmount
    seller_discount: OptionalAmount
    platform_discount: OptionalAmount
    payment_platform_discount: OptionalAmount
    small_order_fee: OptionalAmount
    retail_delivery_fee: OptionalAmount
    buyer_service_fee: OptionalAmount
    handling_fee: OptionalAmount
    shipping_insurance_fee: OptionalAmount
    item_insurance_fee: OptionalAmount
    distance_shipping_fee: OptionalAmount


class Address(Payload, frozen=True):
    """Where an order is sent, without what tells the person."""

    region_code: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]


class TiktokOrder(Payload, frozen=True):
    """The fields of an order that are read. `user_id` identifies the buyer across orders."""

    id: Id
    status: Annotated[str, MaskedText(required=True, blank=False, longest=100)]
    create_time: Annotated[datetime, UnixSeconds(required=True)]
    update_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    paid_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    cancel_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    delivery_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    cancel_reason: OptionalText
    user_id: OptionalId
    payment_method_name: OptionalText
    is_sample_order: Annotated[bool | None, Flag(**OPTIONAL)]
    is_replacement_order: Annotated[bool | None, Flag(**OPTIONAL)]
    is_exchange_order: Annotated[bool | None, Flag(**OPTIONAL)]
    recipient_address: Annotated[Address | None, NestedRecord(schema_of(Address), **OPTIONAL)]
    payment: Annotated[Payment, NestedRecord(schema_of(Payment), required=True)]
    line_items: Annotated[tuple[Unit, ...], Records(schema_of(Unit), most=MOST_UNITS)]


def to_order(native: TiktokOrder) -> Order:
    """Raises ValidationError if a computed amount is out of range."""
    payment = native.payment
    kinds = (native.is_sample_order, native.is_replacement_order, native.is_exchange_order)
    return Order(
        external_id=native.id,
        date_created=native.create_time,
        date_modified=native.update_time,
        status=STATUSES.get(native.status, native.status),
        total=payment.total_amount,
        subtotal=payment.sub_total,
        tax_total=payment.tax,
        shipping_total=payment.shipping_fee,
        discount_total=payment.seller_discount,
        currency=payment.currency,
        customer_external_id=native.user_id,
        payment_method=native.payment_method_name or None,
        coupon_used=None,
        items=tuple(map(_item, _by_sku(native.line_items))),
        number=str(native.id),
        financial_status=_financial_status(native),
        fulfillment_status=SHIPPED.get(native.status, "unfulfilled"),
        platform_status=native.status,
        # None is not known; a sample, a replacement and an exchange are no sales.
        is_test=None if all(kind is None for kind in kinds) else any(kinds),
        paid_at=native.paid_time,
        completed_at=native.delivery_time,
        cancelled_at=native.cancel_time,
        cancel_reason=native.cancel_reason or None,
        channel="tiktok",
        ship_country=native.recipient_address.region_code or None if native.recipient_address else None,
        amounts_include_tax=False,
        fee_total=storable_sum("payment", _fees(payment)),
        platform_discount_total=storable_sum("payment", (payment.platform_discount, payment.payment_platform_discount)),
    )


def _fees(payment: Payment) -> tuple[Decimal | None, ...]:
    return (
        payment.small_order_fee,
        payment.retail_delivery_fee,
        payment.buyer_service_fee,
        payment.handling_fee,
        payment.shipping_insurance_fee,
        payment.item_insurance_fee,
        payment.distance_shipping_fee,
    )


def _financial_status(native: TiktokOrder) -> str:
    if native.status == CANCELLED:
        return "voided"  # TikTok gives a cancelled order's money back itself
    return "pending" if native.status == "UNPAID" else "paid"


def _by_sku(units: Iterable[Unit]) -> list[list[Unit]]:
    groups: dict[tuple[Any, ...], list[Unit]] = {}
    for unit in units:
        sku = unit.sku_id or (unit.product_id, unit.seller_sku, unit.product_name)  # a deleted SKU has no id
        groups.setdefault((sku, unit.sale_price), []).append(unit)
    return list(groups.values())


def _item(units: list[Unit]) -> OrderItem:
    first = units[0]
    sold = [unit for unit in units if unit.display_status != CANCELLED]
    return OrderItem(
        product_name=first.product_name or "",
        sku=first.seller_sku or None,
        quantity=Decimal(len(units)).quantize(MICRO),
        subtotal=storable_sum("line_items", (unit.original_price for unit in units)),
        total=storable_sum("line_items", (unit.sale_price for unit in units)),
        product_external_id=first.product_id,
        line_external_id=first.id,
        variation_external_id=first.sku_id,
        current_quantity=Decimal(len(sold)).quantize(MICRO),
        discount_total=storable_sum("line_items", (unit.seller_discount for unit in units)),
        tax_total=storable_sum("line_items", (tax.tax_amount for unit in units for tax in unit.item_tax)),
    )
