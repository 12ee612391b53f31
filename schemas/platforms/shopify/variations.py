"""Variants of Shopify's products, and their plain records. The client puts in what only the product tells."""

from __future__ import annotations

from typing import Annotated

from schemas.base.fields import MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Id,
    OptionalAmount,
    OptionalId,
    OptionalMoment,
    OptionalText,
    Payload,
    schema_of,
)
from schemas.records.shop import Variation, VariationAttribute

MOST_ATTRIBUTES = 100


class Attribute(Payload, frozen=True):
    """The value that a variant has for one option of its product."""

    name: Annotated[str, MaskedText(required=True, blank=False, longest=500)]
    option: OptionalText


class ShopifyVariation(Payload, frozen=True):
    """The fields of a variant that are read. `compare_at_price` above the price is what it cost before the sale."""

    id: Id
    product_id: OptionalId
    title: OptionalText
    sku: OptionalText
    barcode: OptionalText
    price: OptionalAmount
    compare_at_price: OptionalAmount
    inventory_management: OptionalText
    inventory_policy: OptionalText
    inventory_quantity: OptionalAmount
    product_status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    created_at: OptionalMoment
    updated_at: OptionalMoment
    attributes: Annotated[tuple[Attribute, ...], Records(schema_of(Attribute), most=MOST_ATTRIBUTES)]


def to_variation(native: ShopifyVariation) -> Variation:
    before, price = native.compare_at_price, native.price
    on_sale = price is not None and before is not None and before > price
    stock = native.inventory_quantity if native.inventory_management else None
    sells = stock is None or native.inventory_policy == "continue" or stock > 0
    return Variation(
        external_id=native.id,
        product_external_id=native.product_id,
        name=native.title or None,
        sku=native.sku or None,
        barcode=native.barcode or None,
        price=price,
        regular_price=before if on_sale else price,
        sale_price=price if on_sale else None,
        stock_quantity=stock,
        stock_status="instock" if sells else "outofstock",
        status=native.product_status,
        created_at=native.created_at,
        updated_at=native.updated_at,
        attributes=tuple(VariationAttribute(each.name, each.option or None) for each in native.attributes),
    )
