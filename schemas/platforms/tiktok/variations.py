"""SKUs of TikTok Shop's products, and their plain records. The client puts in what only the product tells."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from schemas.base.fields import MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Id,
    NestedRecord,
    OptionalId,
    OptionalText,
    Payload,
    UnixSeconds,
    schema_of,
    storable_sum,
)
from schemas.platforms.tiktok.products import MOST_SKUS, SkuPrice, Stock, price_of
from schemas.records.shop import Variation, VariationAttribute


class SalesAttribute(Payload, frozen=True):
    """What a SKU is of its product: colour, red."""

    name: Annotated[str, MaskedText(required=True, blank=False, longest=500)]
    value_name: OptionalText


class TiktokVariation(Payload, frozen=True):
    """The fields of a SKU that are read."""

    id: Id
    product_id: OptionalId
    seller_sku: OptionalText
    price: Annotated[SkuPrice | None, NestedRecord(schema_of(SkuPrice), **OPTIONAL)]
    inventory: Annotated[tuple[Stock, ...], Records(schema_of(Stock), most=MOST_SKUS)]
    product_status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    create_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    update_time: Annotated[datetime | None, UnixSeconds(**OPTIONAL)]
    sales_attributes: Annotated[tuple[SalesAttribute, ...], Records(schema_of(SalesAttribute), most=MOST_SKUS)]


def to_variation(native: TiktokVariation) -> Variation:
    """Raises ValidationError if the stock is out of range."""
    stock = storable_sum("inventory", (warehouse.quantity for warehouse in native.inventory))
    return Variation(
        external_id=native.id,
        product_external_id=native.product_id,
        name=None,
        sku=native.seller_sku or None,
        barcode=None,
        price=price_of(native.price),
        regular_price=None,
        sale_price=None,
        stock_quantity=stock,
        stock_status=None if stock is None else "instock" if stock > 0 else "outofstock",
        status=native.product_status,
        created_at=native.create_time,
        updated_at=native.update_time,
        attributes=tuple(VariationAttribute(each.name, each.value_name or None) for each in native.sales_attributes),
    )
