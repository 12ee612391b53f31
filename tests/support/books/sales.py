"""What happened in a shop: sales with their discounts, taxes and refunds, in whole smallest units of their currency."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

EXPONENTS = {"EUR": 2, "USD": 2, "JPY": 0, "BHD": 3}
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PRODUCTS, VARIATIONS_EACH, CATEGORIES, CUSTOMERS = 12, 3, 4, 15
STATES = ("sold",) * 8 + ("cancelled", "pending", "test")
GONE_PRODUCT = 11  # never posted: deleted in the shop
GONE_VARIATION = 2  # of each product, never posted


@dataclass(frozen=True)
class Sold:
    """One line. `discount` is the merchant's, `platform_discount` the platform's; `tax` is in the price or on top of it."""

    id: int
    product: int | None
    variation: int | None
    unit_price: int
    quantity: int
    discount: int
    platform_discount: int
    tax: int
    cancelled: int

    @property
    def gross(self) -> int:
        return self.unit_price * self.quantity

    @property
    def sold(self) -> int:
        return self.gross - self.discount - self.platform_discount


@dataclass(frozen=True)
class GivenBack:
    """A part of a refund: units and money for a line, or shipping if there is no line."""

    line: Sold | None
    quantity: int
    amount: int
    tax: int


@dataclass(frozen=True)
class Refunded:
    """A refund; `bare` is money for nothing in particular."""

    id: int
    at: datetime
    parts: tuple[GivenBack, ...]
    bare: int
    tax_included: bool

    @property
    def amount(self) -> int:
        return self.bare + sum(part.amount + (0 if self.tax_included else part.tax) for part in self.parts)


@dataclass(frozen=True)
class Sale:
    """One order."""

    key: int
    at: datetime
    state: str
    currency: str
    customer: int | None
    tax_included: bool
    lines: tuple[Sold, ...]
    shipping: int
    shipping_tax: int
    fee: int
    tip: int
    refunds: tuple[Refunded, ...] = field(default=())

    @property
    def tax(self) -> int:
        return self.shipping_tax + sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        goods = sum(line.sold for line in self.lines)
        return goods + self.shipping + self.fee + self.tip + (0 if self.tax_included else self.tax)

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds)


@dataclass(frozen=True)
class Can:
    """What a platform knows."""

    refunds: bool = True
    tips: bool = False
    platform_discounts: bool = False
    tax_included: bool = False
    cancelled_units: bool = False


def make_sales(draw: random.Random, count: int, can: Can, first_key: int) -> list[Sale]:
    return [_sale(draw, can, first_key + number, number) for number in range(count)]


def _sale(draw: random.Random, can: Can, key: int, number: int) -> Sale:
    at = BEGIN + timedelta(seconds=draw.randrange(40 * 86400))
    included = can.tax_included and draw.random() < 0.5
    lines = tuple(_line(draw, can, key % 1_000_000_000 * 10 + place) for place in range(draw.choice((1, 1, 2, 3))))
    state = draw.choice(STATES)
    shipping = draw.choice((0, 0, 490, 1250))
    sale = Sale(
        key=key,
        at=at,
        state=state
        if can.tips or can.platform_discounts or state != "test"
        else "sold",  # WooCommerce knows no test orders
        currency=draw.choice(tuple(EXPONENTS)),
        customer=draw.choice((None, *range(1, CUSTOMERS + 1))),
        tax_included=included,
        lines=lines,
        shipping=shipping,
        shipping_tax=shipping // 10,
        fee=draw.choice((0, 0, 0, 150)),
        tip=draw.choice((0, 200)) if can.tips else 0,
    )
    if not can.refunds or state != "sold" or draw.random() < 0.6:
        return sale
    return Sale(**{**vars(sale), "refunds": _refunds(draw, sale, number)})


def _line(draw: random.Random, can: Can, line_id: int) -> Sold:
    product = draw.choice((None, *range(1, PRODUCTS)))
    quantity, price = draw.randint(1, 4), draw.randint(1, 20_000)
    gross = quantity * price
    discount = draw.choice((0, 0, gross // 10, gross))
    platform = draw.choice((0, (gross - discount) // 3)) if can.platform_discounts else 0
    return Sold(
        id=line_id,
        product=product,
        variation=None if product is None or draw.random() < 0.3 else product * 100 + draw.randrange(VARIATIONS_EACH),
        unit_price=price,
        quantity=quantity,
        discount=discount,
        platform_discount=platform,
        tax=(gross - discount - platform) // 7,
        cancelled=draw.choice((0, 0, 1)) if can.cancelled_units else 0,
    )


def _refunds(draw: random.Random, sale: Sale, number: int) -> tuple[Refunded, ...]:
    kind = draw.choice(("line", "two", "bare", "shipping", "all"))
    at = sale.at + timedelta(seconds=draw.randrange(20 * 86400))
    line = draw.choice(sale.lines)
    unit = GivenBack(line, 1, line.sold // line.quantity, line.tax // line.quantity)
    made: dict[str, list[tuple[tuple[GivenBack, ...], int]]] = {
        "line": [((unit,), 0)],
        "two": [((unit,), 0), ((), min(3, sale.total - sale.tax))],
        "bare": [((), sale.total // 2)],
        "shipping": [((GivenBack(None, 0, sale.shipping, sale.shipping_tax),), 0)],
        "all": [(tuple(GivenBack(each, each.quantity, each.sold, each.tax) for each in sale.lines), 0)],
    }
    first_id = 9_000_000 + number * 10
    return tuple(
        Refunded(first_id + place, at + timedelta(hours=place), parts, bare, sale.tax_included)
        for place, (parts, bare) in enumerate(made[kind])
    )
