"""Brakes: which open changes look like a mistake, and are held until a person approves; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from db.outbound.brakes import Catalogue, Change

ENDLESS = Decimal(10) ** 9  # what a price moves by that becomes zero, or ceases
PREVIEWED = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """A store's brakes. Shares are of the products that the shop has from us, and count from `least` products on."""

    price_share: Decimal = Decimal("0.3")
    price_factor: Decimal = Decimal(5)
    zero_share: Decimal = Decimal("0.3")
    least: int = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What to hold and why; `preview` is what a person is shown, with the first PREVIEWED changes."""

    held: frozenset[UUID]
    reasons: tuple[str, ...]
    preview: dict[str, Any]


def limits_of(stored: Any) -> Limits | None:
    """A store's limits as its settings have them; None where its brakes are off. What is left out has its default."""
    if not isinstance(stored, dict):
        return Limits()
    if stored.get("enabled") is False:
        return None
    default = Limits()
    return Limits(
        price_share=Decimal(str(stored.get("price_share", default.price_share))),
        price_factor=Decimal(str(stored.get("price_factor", default.price_factor))),
        zero_share=Decimal(str(stored.get("zero_share", default.zero_share))),
        least=int(stored.get("least", default.least)),
    )


def judge(limits: Limits, catalogue: Catalogue, changes: Sequence[Change]) -> Judgement:
    """Hold what moves a price too far, all price changes where they are too many, all empty stock where it is too much."""
    pricing = [change for change in changes if change.changes_price]
    emptying = [change for change in changes if change.empties_stock]
    far = [change for change in pricing if price_factor(change) > limits.price_factor]
    many = _is_over(limits.price_share, limits.least, pricing, catalogue.mapped)
    empty = _is_over(limits.zero_share, limits.least, emptying, catalogue.in_stock)
    verdicts: Mapping[str, Sequence[Change]] = {
        "price_factor": far,
        "price_share": pricing if many else [],
        "zero_share": emptying if empty else [],
    }
    held = {change.id: change for several in verdicts.values() for change in several}
    reasons = tuple(reason for reason, several in verdicts.items() if several)
    return Judgement(frozenset(held), reasons, _preview(reasons, list(held.values()), catalogue))


def _is_over(share: Decimal, least: int, changes: Sequence[Change], whole: int) -> bool:
    products = len({change.product_id for change in changes})
    return products >= least and products > share * whole


def price_factor(change: Change) -> Decimal:
    """By how much the price moves, as a number not below 1: that of the regular price or of what a customer pays."""
    return max(
        _factor(change.sent_regular_price, change.regular_price),
        _factor(
            _paid(change.sent_regular_price, change.sent_sale_price), _paid(change.regular_price, change.sale_price)
        ),
    )


def _paid(regular: Decimal | None, sale: Decimal | None) -> Decimal | None:
    return regular if sale is None else sale


def _factor(before: Decimal | None, after: Decimal | None) -> Decimal:
    if not before:
        return Decimal(1)  # there was no price to move
    if not after:
        return ENDLESS
    return max(before / after, after / before)


def _preview(reasons: tuple[str, ...], held: Sequence[Change], catalogue: Catalogue) -> dict[str, Any]:
    """What would happen, the largest moves first; amounts as text."""
    biggest = sorted(held, key=lambda change: (-price_factor(change), change.sku))[:PREVIEWED]
    return {
        "reasons": list(reasons),
        "products": len({change.product_id for change in held}),
        "mappedProducts": catalogue.mapped,
        "priceChanges": sum(change.changes_price for change in held),
        "emptiedStock": sum(change.empties_stock for change in held),
        "changes": [_shown(change) for change in biggest],
    }


def _shown(change: Change) -> dict[str, Any]:
    amounts = {
        "regularPrice": (change.sent_regular_price, change.regular_price),
        "salePrice": (change.sent_sale_price, change.sale_price),
    }
    moves = {name: [_text(before), _text(after)] for name, (before, after) in amounts.items() if change.changes_price}
    return {
        "productId": str(change.product_id),
        "sku": change.sku,
        **moves,
        "outOfStock": change.empties_stock,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
