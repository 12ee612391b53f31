"""Products of TikTok Shop's Partner API: with the price of the cheapest SKU and the stock of all warehouses."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from schemas.base.fields import MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Id,
    NestedRecord,
    OptionalAmount,
    OptionalText,
    Payload,
    UnixSeconds,
    schema_of,
    storable_sum,
)
from schemas.records.shop import Product

MOST_SKUS = 1000


class SkuPrice(Payload, frozen=True):
    """A SKU's price. `sale_price` includes tax and exists only in some regions."""

    tax_exclusive_price: OptionalAmount
    sale_price: OptionalAmount


class Stock(Payload, frozen=True):
    """The stock of a SKU in one warehouse."""

    quantity: OptionalAmount


class Sku(Payload, frozen=True):
    """A variant of a product."""

    seller_sku: OptionalText
    price: Annotated[SkuPrice | None, NestedRecord(schema_of(SkuPrice), **OPTIONAL)]
    inventory: Annotated[tuple[Stock, ...], Records(schema_of(Stock), most=MOST_SKUS)]


class TiktokProduct(Payload, frozen=True):
    """The fields of a product that are read."""

    id: Id
    title: Annotated[str, MaskedText(required=True, blank=False)]
    status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    create_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    update_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    skus: Annotated[tuple[Sku, ...], Records(schema_of(Sku), most=MOST_SKUS)]


def to_product(native: TiktokProduct) -> Product:
    """Raises ValidationError if the stock is out of range."""
    skus = native.skus
    prices = [price for sku in skus if (price := price_of(sku.price)) is not None]
    stock = storable_sum("skus", (stock.quantity for sku in skus for stock in sku.inventory))
    return Product(
        external_id=native.id,
        name=native.title,
        sku=(skus[0].seller_sku or None) if len(skus) == 1 else None,
        price=min(prices, default=None),
        regular_price=None,
        sale_price=None,
        category_external_id=None,
        category_name=None,
        stock_quantity=stock,
        stock_status=None if stock is None else "instock" if stock > 0 else "outofstock",
        status=native.status,
        type="variable" if len(skus) > 1 else "simple",
        created_at=native.create_time,
        updated_at=native.update_time,
    )


def price_of(price: SkuPrice | None) -> Decimal | None:
    """What the buyer pays, with tax where the platform tells it."""
    if price is None:
        return None
    return price.tax_exclusive_price if price.sale_price is None else price.sale_price
