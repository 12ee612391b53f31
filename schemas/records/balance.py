"""The law of an order's books: what its parts sum up to, in exact decimals."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from schemas.records.shop import Order

ORDER_IMBALANCE = "order_imbalance"
REFUND_IMBALANCE = "refund_imbalance"
NOTHING = Decimal(0)
# Currencies whose smallest unit is not a hundredth (ISO 4217, list one).
EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


class Finding(Struct, frozen=True, gc=False):
    """Two figures of an order that should be equal. `difference` is `stated` less `computed`."""

    kind: str
    stated: Decimal
    computed: Decimal
    difference: Decimal


def smallest_unit(currency: str | None) -> Decimal:
    return Decimal(1).scaleb(-EXPONENTS.get((currency or "").upper(), 2))


def findings_of(order: Order) -> tuple[Finding, ...]:
    """What does not add up in an order.

    `order_imbalance`: total = lines + shipping + fees + tips + tax (where not included) - discounts.
    `refund_imbalance`: the refunded total = the refunds.

    An order that does not say whether its amounts include tax is not judged, nor one with a line without amounts. A shop that
    rounds per order states each part rounded, so parts may miss the total by half a unit each.
    """
    if order.amounts_include_tax is None:
        return ()
    found = (_total(order), _refunds(order))
    return tuple(finding for finding in found if finding is not None)


def _total(order: Order) -> Finding | None:
    parts = _parts(order)
    if any(part is None for part in parts):
        return None
    amounts = [part for part in parts if part]
    allowed = smallest_unit(order.currency) * max(1, len(amounts) // 2)
    return _compared(ORDER_IMBALANCE, order.total, sum(amounts, NOTHING), allowed)


def _parts(order: Order) -> list[Decimal | None]:
    kinds = {line.kind for line in order.items}
    # What a platform lists as lines it states as a sum, too.
    sums = (("shipping", order.shipping_total), ("fee", order.fee_total), ("tip", order.tip_total))
    parts = [amount or NOTHING for kind, amount in sums if kind not in kinds]
    parts.append(NOTHING if order.amounts_include_tax else order.tax_total or NOTHING)
    return [*parts, *_goods(order)]


def _goods(order: Order) -> Iterable[Decimal | None]:
    if order.discount_total is None or any(line.subtotal is None for line in order.items):
        return [line.total for line in order.items]
    return [
        *(line.subtotal for line in order.items),
        -order.discount_total,
        -(order.platform_discount_total or NOTHING),
    ]


def _refunds(order: Order) -> Finding | None:
    if order.refunded_total is None:
        return None
    refunded = sum((refund.amount for refund in order.refunds), NOTHING)
    return _compared(REFUND_IMBALANCE, order.refunded_total, refunded, NOTHING)


def _compared(kind: str, stated: Decimal, computed: Decimal, allowed: Decimal) -> Finding | None:
    difference = stated - computed
    return Finding(kind, stated, computed, difference) if abs(difference) > allowed else None
