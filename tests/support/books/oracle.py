"""What the views must say of a list of sales, counted in whole units. Shares no code with the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.books.sales import GONE_PRODUCT, Sale

Figures = dict[tuple[Any, ...], dict[str, int]]


def real(sales: Iterable[Sale]) -> list[Sale]:
    return [sale for sale in sales if sale.state == "sold"]


def day_of(moment: datetime, zone: str) -> str:
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


def summed(rows: Iterable[tuple[tuple[Any, ...], dict[str, int]]]) -> Figures:
    found: Figures = defaultdict(lambda: defaultdict(int))
    for key, figures in rows:
        for name, units in figures.items():
            found[key][name] += units
    return {key: dict(figures) for key, figures in found.items()}


def figures_of(sale: Sale) -> dict[str, int]:
    return {
        "units": sum(line.quantity for line in sale.lines),
        "gross": sum(line.unit_price * line.quantity for line in sale.lines),
        "discounts": sum(line.discount for line in sale.lines),
        "shipping": sale.shipping,
        "fees": sale.fee,
        "tips": sale.tip,
        "tax": sale.tax,
        "total": sale.total,
        "refunds": sale.refunded,
        "net": sale.total - sale.refunded,
    }


def sales(made: list[Sale]) -> Figures:
    return summed(
        (
            (sale.key, sale.currency),
            figures_of(sale) | {"platform_discounts": sum(line.platform_discount for line in sale.lines)},
        )
        for sale in real(made)
    )


def sales_daily(made: list[Sale], zone: str) -> Figures:
    return summed(((day_of(sale.at, zone), sale.currency), figures_of(sale) | {"orders": 1}) for sale in real(made))


def sales_by_variant(made: list[Sale]) -> Figures:
    rows = []
    for sale in real(made):
        for line in sale.lines:
            back = [part for refund in sale.refunds for part in refund.parts if part.line is line]
            given = sum(part.amount for part in back)
            figures = {"units": line.quantity, "gross": line.gross, "sold": line.sold, "tax": line.tax}
            figures |= {
                "refunded_units": sum(part.quantity for part in back),
                "refunded": given,
                "net": line.sold - given,
            }
            rows.append(((line.product, line.variation, sale.currency), figures))
    return summed(rows)


def sales_by_product(made: list[Sale]) -> Figures:
    by_variant = sales_by_variant(made)
    return summed(((product, currency), figures) for (product, _, currency), figures in by_variant.items())


def categories(made: list[Sale], categories_of: dict[int, int]) -> Figures:
    kept = ("units", "gross", "sold", "refunded", "net")
    rows = []
    for (product, currency), figures in sales_by_product(made).items():
        category = None if product in (None, GONE_PRODUCT) else categories_of[product]
        rows.append(((category, currency), {name: figures[name] for name in kept}))
    return summed(rows)


def refunds_daily(made: list[Sale], zone: str) -> Figures:
    return summed(
        ((day_of(refund.at, zone), sale.currency), {"refunds": 1, "amount": refund.amount})
        for sale in real(made)
        for refund in sale.refunds
    )


def customers(made: list[Sale]) -> Figures:
    return summed(
        ((sale.customer, sale.currency), {"orders": 1, "net": sale.total - sale.refunded})
        for sale in real(made)
        if sale.customer is not None
    )
