"""Products and customers of Shopify's REST Admin API, and their plain records.

A product has the price of its cheapest variant. Its stock is the sum over the variants whose inventory Shopify tracks.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from schemas.base.fields import ZERO, Count, EmailHash, ExternalId, MaskedText, Money, Records, RecordSchema, Timestamp
from schemas.base.platform_fields import OPTIONAL, Payload, storable
from schemas.records.shop import Customer, Product

MOST_VARIANTS = 2500


class Variant(Payload, frozen=True):
    """A variant. `inventory_management` is null if its inventory is not tracked."""

    sku: str | None
    price: Decimal | None
    compare_at_price: Decimal | None
    inventory_management: str | None
    inventory_policy: str | None
    inventory_quantity: Decimal | None


class VariantSchema(RecordSchema):
    record = Variant
    sku = MaskedText(**OPTIONAL)
    price = Money(**OPTIONAL)
    compare_at_price = Money(**OPTIONAL)
    inventory_management = MaskedText(**OPTIONAL)
    inventory_policy = MaskedText(**OPTIONAL)
    inventory_quantity = Money(**OPTIONAL)  # may be negative: oversold


class ShopifyProduct(Payload, frozen=True):
    """The fields of a product that are read."""

    id: int
    title: str
    product_type: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    variants: tuple[Variant, ...]


class ShopifyProductSchema(RecordSchema):
    record = ShopifyProduct
    id = ExternalId(required=True)
    title = MaskedText(required=True, blank=False)
    product_type = MaskedText(**OPTIONAL)
    status = MaskedText(longest=100, **OPTIONAL)
    created_at = Timestamp(**OPTIONAL)
    updated_at = Timestamp(**OPTIONAL)
    variants = Records(VariantSchema, most=MOST_VARIANTS)


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

    id: int
    email: str | None
    first_name: str | None
    last_name: str | None
    orders_count: int | None
    total_spent: Decimal | None
    created_at: datetime | None


class ShopifyCustomerSchema(RecordSchema):
    record = ShopifyCustomer
    id = ExternalId(required=True)
    email = EmailHash(**OPTIONAL)
    first_name = MaskedText(**OPTIONAL)
    last_name = MaskedText(**OPTIONAL)
    orders_count = Count(**OPTIONAL)
    total_spent = Money(**OPTIONAL)
    created_at = Timestamp(**OPTIONAL)


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
