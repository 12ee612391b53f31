"""Products and customers as Shopify's REST Admin API writes them, and what each becomes here.

A product's price is its cheapest variant's, its stock the sum over the variants that Shopify counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.base.fields import MICRO, Count, EmailHash, ExternalId, MaskedText, Money, Records, Timestamp
from schemas.base.platform_fields import OPTIONAL, SEVERAL, NativeSchema, storable
from schemas.records.shop import Customer, Product

MOST_VARIANTS = 2500


@dataclass(frozen=True, slots=True)
class Variant:
    """A form in which a product is sold; `inventory_management` is null where nobody counts."""

    sku: str | None
    price: Decimal | None
    compare_at_price: Decimal | None
    inventory_management: str | None
    inventory_policy: str | None
    inventory_quantity: Decimal | None


class VariantSchema(NativeSchema):
    record = Variant
    sku = MaskedText(**OPTIONAL)
    price = Money(**OPTIONAL)
    compare_at_price = Money(**OPTIONAL)
    inventory_management = MaskedText(**OPTIONAL)
    inventory_policy = MaskedText(**OPTIONAL)
    inventory_quantity = Money(**OPTIONAL)  # may be negative: oversold


@dataclass(frozen=True, slots=True)
class ShopifyProduct:
    """What is read of a product."""

    id: int
    title: str
    product_type: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    variants: tuple[Variant, ...]


class ShopifyProductSchema(NativeSchema):
    record = ShopifyProduct
    id = ExternalId(required=True)
    title = MaskedText(required=True, blank=False)
    product_type = MaskedText(**OPTIONAL)
    status = MaskedText(longest=100, **OPTIONAL)
    created_at = Timestamp(**OPTIONAL)
    updated_at = Timestamp(**OPTIONAL)
    variants = Records(VariantSchema, Variant, most=MOST_VARIANTS, **SEVERAL)


def to_product(native: ShopifyProduct) -> Product:
    """The plain record. Raises ValidationError where the stock can't be stored."""
    variants = tuple(native.variants or ())
    cheapest = min((each for each in variants if each.price is not None), key=_price, default=None)
    price = cheapest.price if cheapest else None
    before = cheapest.compare_at_price if cheapest else None
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
        stock_quantity=_stock(variants),
        stock_status="instock" if any(map(_is_sold, variants)) else "outofstock",
        status=native.status,
        type="variable" if len(variants) > 1 else "simple",
        created_at=native.created_at,
        updated_at=native.updated_at,
    )


def _price(variant: Variant) -> Decimal:
    return variant.price or Decimal(0)


def _stock(variants: tuple[Variant, ...]) -> Decimal | None:
    counted = [each.inventory_quantity or Decimal(0) for each in variants if each.inventory_management]
    return storable(sum(counted, Decimal(0)).quantize(MICRO), "variants") if counted else None


def _is_sold(variant: Variant) -> bool:
    if not variant.inventory_management or variant.inventory_policy == "continue":
        return True
    return (variant.inventory_quantity or 0) > 0


@dataclass(frozen=True, slots=True)
class ShopifyCustomer:
    """What is read of a customer; the address is a hash before it gets here."""

    id: int
    email: str | None
    first_name: str | None
    last_name: str | None
    orders_count: int | None
    total_spent: Decimal | None
    created_at: datetime | None


class ShopifyCustomerSchema(NativeSchema):
    record = ShopifyCustomer
    id = ExternalId(required=True)
    email = EmailHash(**OPTIONAL)
    first_name = MaskedText(**OPTIONAL)
    last_name = MaskedText(**OPTIONAL)
    orders_count = Count(**OPTIONAL)
    total_spent = Money(**OPTIONAL)
    created_at = Timestamp(**OPTIONAL)


def to_customer(native: ShopifyCustomer) -> Customer:
    """The plain record; Shopify does not say when the first and last order were."""
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
