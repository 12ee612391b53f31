"""Returns and cancellations of TikTok Shop, and their plain records.

Both are objects beside the order, in lists of their own. The client gives them the same names: `id`, `status` and `lines`. A
line names the unit; it is linked by its SKU, because units of one SKU are one line here.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from schemas.base.fields import MICRO, ZERO, MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Id,
    NestedRecord,
    OptionalAmount,
    OptionalId,
    OptionalText,
    Payload,
    UnixSeconds,
    schema_of,
)
from schemas.records.shop import OrderRefund, RefundItem

MOST_LINES = 10_000
ONE = Decimal(1).quantize(MICRO)
# The money has gone back. After …_SUCCESS of a return it will.
PAID_BACK = (
    "RETURN_OR_REFUND_REQUEST_COMPLETE",
    "REPLACEMENT_REQUEST_REFUND_SUCCESS",
    "CANCELLATION_REQUEST_SUCCESS",
    "CANCELLATION_REQUEST_COMPLETE",
)
CLOSED = ("_CANCEL", "_CANCELLED", "_REJECT", "_REJECTED")


class GivenBack(Payload, frozen=True):
    """What goes back, as a whole or for one unit."""

    refund_total: OptionalAmount
    refund_subtotal: OptionalAmount
    refund_shipping_fee: OptionalAmount
    refund_tax: OptionalAmount


Amounts = Annotated[GivenBack | None, NestedRecord(schema_of(GivenBack), **OPTIONAL)]


class ReturnedUnit(Payload, frozen=True):
    """One unit."""

    sku_id: OptionalId
    refund_amount: Amounts


class TiktokRefund(Payload, frozen=True):
    """The fields of a return or cancellation that are read."""

    id: Id
    order_id: OptionalId
    status: Annotated[str, MaskedText(required=True, blank=False, longest=200)]
    create_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    update_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    reason_text: OptionalText
    refund_amount: Amounts
    lines: Annotated[tuple[ReturnedUnit, ...], Records(schema_of(ReturnedUnit), most=MOST_LINES)]


def to_refund(native: TiktokRefund) -> OrderRefund:
    amounts = native.refund_amount
    shipping = amounts.refund_shipping_fee if amounts else None
    units = [
        RefundItem(
            line_external_id=unit.sku_id,
            kind="product",
            quantity=ONE,
            amount=unit.refund_amount.refund_subtotal if unit.refund_amount else None,
            tax_total=unit.refund_amount.refund_tax if unit.refund_amount else None,
        )
        for unit in native.lines
    ]
    carriage = [RefundItem(None, "shipping", None, shipping, None)] if shipping else []
    return OrderRefund(
        external_id=native.id,
        order_external_id=native.order_id,
        status=_status(native.status),
        amount=(amounts.refund_total if amounts else None) or ZERO,
        reason=native.reason_text or None,
        created_at=native.create_time,
        updated_at=native.update_time,
        items=(*units, *carriage),
    )


def _status(word: str) -> str:
    if word in PAID_BACK:
        return "completed"
    return "refused" if word.endswith(CLOSED) else "pending"
