"""The ERP's records. Where ERP and shop differ, the ERP is right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

# The fields that the ERP may leave out of a product. Leaving one out is no statement about it; `null` clears it, and so
# does an empty list.
OPTIONAL_FIELDS = (
    "description",
    "regular_price",
    "sale_price",
    "manage_stock",
    "stock_quantity",
    "image_urls",
    "category_ids",
)

# What may become of a discontinued product in the shop, and of one that somebody put into its trash; the first is the default.
DISCONTINUED_POLICIES = ("draft", "trash", "out_of_stock")
TRASHED_POLICIES = ("hold", "restore", "recreate")


@dataclass(frozen=True, slots=True)
class ErpProduct:
    """A product. Amounts are in the shop's currency, moments in UTC.

    `stock_quantity` counts only with `manage_stock`. `sale_from` is inclusive, `sale_to` the last second of the sale.
    The first of `image_urls` is the main picture. `category_ids` refer to ErpCategory records. A higher `version` replaces
    a lower one; None replaces any. `stated_fields` are those of OPTIONAL_FIELDS that the record has: the others are not the
    ERP's, and are never sent. The dates of a sale belong to `sale_price`. With `parent_id` it is a variation of that product,
    and `attributes` are its option by attribute, as (("Size", "M"),).
    """

    product_id: UUID
    sku: str
    name: str
    description: str | None
    regular_price: Decimal | None
    sale_price: Decimal | None
    sale_from: datetime | None
    sale_to: datetime | None
    manage_stock: bool
    stock_quantity: int | None
    image_urls: tuple[str, ...]
    category_ids: tuple[UUID, ...]
    allow_manual_woocommerce_offers: bool
    version: int | None
    stated_fields: tuple[str, ...] = OPTIONAL_FIELDS
    parent_id: UUID | None = None
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> UUID:
        return self.product_id


@dataclass(frozen=True, slots=True)
class ErpCategory:
    """A category. One with `parent_id` None is at the top."""

    category_id: UUID
    name: str
    parent_id: UUID | None
    version: int | None

    @property
    def key(self) -> UUID:
        return self.category_id
