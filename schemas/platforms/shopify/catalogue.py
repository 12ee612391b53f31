"""Products and customers of Shopify's REST Admin API, and their plain records.

A product has the price of its cheapest variant. Its stock is the sum over the variants whose inventory Shopify tracks.
"""

from __future__ import annotations

from typing import Annotated

from schemas.base.fields import ZERO, Count, EmailHash, MaskedText, Records
from schemas.base.platform_fields import (
    OPTIONAL,
    Id,
    OptionalAmount,
    OptionalMoment,
    OptionalText,
    Payload,
    schema_of,
    storable,
)
from schemas.records.shop import Customer, Product

MOST_VARIANTS = 2500


class Variant(Payload, frozen=True):
    """A variant. `inventory_management` is null if its inventory is not tracked."""

    sku: OptionalText
    price: OptionalAmount
    compare_at_price: OptionalAmount
    inventory_management: OptionalText
    inventory_policy: OptionalText
    inventory_quantity: OptionalAmount  # may be negative: oversold


class ShopifyProduct(Payload, frozen=True):
    """The fields of a product that are read."""

    id: Id
    title: Annotated[str, MaskedText(required=True, blank=False)]
    product_type: OptionalText
    status: Annotated[str | None, MaskedText(longest=100, **OPTIONAL)]
    created_at: OptionalMoment
    updated_at: OptionalMoment
    variants: Annotated[tuple[Variant, ...], Records(schema_of(Variant), most=MOST_VARIANTS)]


def to_product(native: ShopifyProduct) -> Product:
    """Raises ValidationError if the stock is out of range."""
    variants = native.variants
    cheapest = min(
        (each for each in variants if each.price is not None), key=lambda each: each.price or 0, default=None
    )
    price = cheapest.price if cheapest else None
    before = cheapest.compare_at_price if cheapest else None
    tracked = [each.inventory_quantity or ZERO for each in variants if each.inventory_management]
    on_sale = price is not None and before is not None and before > price
    return Product(
        external_id=native.id,
        name=native.title,
        sku=(variants[0].sku or None) if len(variants) == 1 else None,
        price=price,
        regular_price=before if on_sale else price,
        sale_price=price if on_sale else None,
        category_external_id=None,
        category_name=native.product_type or None,
        stock_quantity=storable(sum(tracked, ZERO), "variants") if tracked else None,
        stock_status="instock" if any(map(_is_sold, variants)) else "outofstock",
        status=native.status,
        type="variable" if len(variants) > 1 else "simple",
        created_at=native.created_at,
        updated_at=native.updated_at,
    )


def _is_sold(variant: Variant) -> bool:
    # With the policy "continue" a variant sells below zero stock.
    if not variant.inventory_management or variant.inventory_policy == "continue":
        return True
    return (variant.inventory_quantity or 0) > 0


class ShopifyCustomer(Payload, frozen=True):
    """The fields of a customer that are read. `email` is already a hash."""

    id: Id
    email: Annotated[str | None, EmailHash(**OPTIONAL)]
    first_name: OptionalText
    last_name: OptionalText
    orders_count: Annotated[int | None, Count(**OPTIONAL)]
    total_spent: OptionalAmount
    created_at: OptionalMoment


def to_customer(native: ShopifyCustomer) -> Customer:
    """Shopify has no dates of the first and last order."""
    return Customer(
        external_id=native.id,
        email_hash=native.email,
        display_name=" ".join(filter(None, (native.first_name, native.last_name))) or None,
        total_spent=native.total_spent,
        order_count=native.orders_count,
        first_order_date=None,
        last_order_date=None,
        created_at=native.created_at,
    )
