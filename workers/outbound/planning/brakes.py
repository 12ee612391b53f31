"""Brakes decide which open changes look like a mistake, and are held until a person approves them; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from db.outbound.brakes import Catalogue, OpenChange

ENDLESS = Decimal(10) ** 9  # the factor of a price that becomes zero or is removed
PREVIEWED = 50
TAKEOVER = "takeover"
DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Limits:
    """A store's brakes. Shares are of the products that are mapped or in stock, and apply from `least` products on."""

    price_share: Decimal = Decimal("0.3")
    price_factor: Decimal = Decimal(5)
    zero_share: Decimal = Decimal("0.3")
    text_share: Decimal = Decimal("0.3")
    discontinued_share: Decimal = Decimal("0.1")
    least: int = 10


@dataclass(frozen=True, slots=True)
class BrakeDecision:
    """Which items to hold and why; `preview` is shown to the person who decides, with the first PREVIEWED changes."""

    held: frozenset[UUID]
    reasons: tuple[str, ...]
    preview: dict[str, Any]


def read_limits(stored: Any) -> Limits | None:
    if not isinstance(stored, dict):
        return Limits()
    if stored.get("enabled") is False:
        return None
    default = Limits()
    return Limits(
        price_share=Decimal(str(stored.get("price_share", default.price_share))),
        price_factor=Decimal(str(stored.get("price_factor", default.price_factor))),
        zero_share=Decimal(str(stored.get("zero_share", default.zero_share))),
        text_share=Decimal(str(stored.get("text_share", default.text_share))),
        discontinued_share=Decimal(str(stored.get("discontinued_share", default.discontinued_share))),
        least=int(stored.get("least", default.least)),
    )


def apply_brakes(
    limits: Limits, catalogue: Catalogue, changes: Sequence[OpenChange], *, is_takeover: bool = False
) -> BrakeDecision:
    """Hold each price that moves too far, all price changes if there are too many, and all emptied stock if it is too much.

    Discontinued products are held if those of the last hour are too many, for an ERP may delete them one at a time.

    Of products that the shop had before, texts, categories and images are weighed too; with `is_takeover` all of them are held.
    """
    pricing = [change for change in changes if change.changes_price]
    emptying = [change for change in changes if change.empties_stock]
    far = [change for change in pricing if price_factor(change) > limits.price_factor]
    many = _is_over(limits.price_share, limits.least, pricing, catalogue.mapped)
    empty = _is_over(limits.zero_share, limits.least, emptying, catalogue.in_stock)
    adopting = [change for change in changes if change.changes_adopted]
    rewriting = [change for change in changes if change.changes_texts]
    rewritten = _is_over(limits.text_share, limits.least, rewriting, catalogue.mapped)
    ending = [change for change in changes if change.takes_off_sale]
    ended = max(_products(ending), catalogue.discontinued)
    ended_many = ended >= limits.least and ended > limits.discontinued_share * catalogue.mapped
    reasons_to_hold: Mapping[str, Sequence[OpenChange]] = {
        "price_factor": far,
        "price_share": pricing if many else [],
        "zero_share": emptying if empty else [],
        "text_share": rewriting if rewritten else [],
        "discontinued_share": ending if ended_many else [],
        TAKEOVER: adopting if is_takeover else [],
        DRIFT: [change for change in changes if change.must_be_held],
    }
    held = {change.id: change for several in reasons_to_hold.values() for change in several}
    reasons = tuple(reason for reason, several in reasons_to_hold.items() if several)
    return BrakeDecision(frozenset(held), reasons, _preview(reasons, list(held.values()), catalogue))


def _is_over(share: Decimal, least: int, changes: Sequence[OpenChange], whole: int) -> bool:
    products = _products(changes)
    return products >= least and products > share * whole


def _products(changes: Sequence[OpenChange]) -> int:
    return len({change.product_id for change in changes})


def price_factor(change: OpenChange) -> Decimal:
    """By what factor, at least 1, the regular price or the price that a customer pays moves, whichever moves more.

    An item that sends no price moves none.
    """
    if not change.changes_price:
        return Decimal(1)
    return max(
        _factor(change.seen_regular_price, change.regular_price),
        _factor(
            _paid(change.seen_regular_price, change.seen_sale_price), _paid(change.regular_price, change.sale_price)
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


def _preview(reasons: tuple[str, ...], held: Sequence[OpenChange], catalogue: Catalogue) -> dict[str, Any]:
    biggest = sorted(held, key=lambda change: (-price_factor(change), change.sku))[:PREVIEWED]
    return {
        "reasons": list(reasons),
        "products": len({change.product_id for change in held}),
        "mappedProducts": catalogue.mapped,
        "priceChanges": sum(change.changes_price for change in held),
        "emptiedStock": sum(change.empties_stock for change in held),
        "discontinuedProducts": _products([change for change in held if change.takes_off_sale]),
        "adoptedProducts": len({change.product_id for change in held if change.changes_adopted}),
        "changes": [_shown(change) for change in biggest],
    }


def _shown(change: OpenChange) -> dict[str, Any]:
    amounts = {
        "regularPrice": (change.seen_regular_price, change.regular_price),
        "salePrice": (change.seen_sale_price, change.sale_price),
    }
    moves = {name: [_text(before), _text(after)] for name, (before, after) in amounts.items() if change.changes_price}
    return {
        "productId": str(change.product_id),
        "sku": change.sku,
        **moves,
        "outOfStock": change.empties_stock,
        "discontinued": change.takes_off_sale,
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
