"""Variations of products, for platforms that list them inside their products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from workers.platforms.common.interface import Page, Source

Row = dict[str, Any]


class VariationSource:
    """The variations of the products that `products` reads. A page has all of those of its products.

    `total` is not known: platforms count products. Products whose variations are no list are passed over.
    """

    def __init__(self, products: Source, variations_of: Callable[[Row], list[Row]]) -> None:
        self._products = products
        self._variations_of = variations_of

    def fetch(self, cursor: str | None) -> Page:
        page = self._products.fetch(cursor)
        found = [variation for product in page.records for variation in self._variations_of(product)]
        return replace(page, records=found, total=None)


def entries(record: Row, name: str) -> list[Row]:
    """The objects of a list inside a record."""
    found = record.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
