"""The records of a shop: a validated payload becomes one, and the database layer stores it.

`external_id` is the platform's id of the record; `<entity>_external_id` refers to another record. Each field is a column of
the table. SHAPE is the version of the record's fields: raise it when they change, and each stored row is rewritten when its
record is next sent. CHANGED and CREATED name the fields with the platform's own times. COLUMNS maps columns that are not
fields to attributes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

LINE_KINDS = ("product", "fee", "shipping", "gift_card", "tip")


class OrderItem(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of an order. Amounts in the order's currency; they include tax if the order's `amounts_include_tax` says so.

    `kind` is product, fee, shipping, gift_card or tip. `total` is `subtotal` less all discounts; `discount_total` is the
    merchant's part of them. `current_quantity` is what is left after edits and cancelled units.
    """

    product_name: str
    sku: str | None
    quantity: Decimal
    subtotal: Decimal | None
    total: Decimal | None
    product_external_id: int | None
    kind: str = "product"
    line_external_id: int | None = None
    variation_external_id: int | None = None
    current_quantity: Decimal | None = None
    discount_total: Decimal | None = None
    tax_total: Decimal | None = None


class OrderCoupon(Struct, frozen=True, gc=False):
    """A code that the buyer used, and what it took off."""

    code: str
    amount: Decimal | None
    tax_total: Decimal | None


class RefundItem(Struct, frozen=True, gc=False):
    """What a refund gives back for one line, or for a kind of line. `amount` has tax in it if the order's lines do."""

    line_external_id: int | None
    kind: str
    quantity: Decimal | None
    amount: Decimal | None
    tax_total: Decimal | None


class Refund(Struct, frozen=True, gc=False):
    """Money given back for an order: `amount` with tax. A refund may have no lines, or lines that sum up to less."""

    external_id: int | None
    created_at: datetime | None
    amount: Decimal
    reason: str | None
    items: tuple[RefundItem, ...]


class Order(Struct, frozen=True, gc=False, omit_defaults=True):
    """The whole state of an order. Optional fields without a value are None. Moments are in UTC.

    Amounts are those of the sale: refunds do not lower them. `status` is in WooCommerce's words, `platform_status` in the
    platform's own. `amounts_include_tax` tells how lines, shipping and fees are stated, `prices_include_tax` how the shop shows
    its prices. `platform_discount_total` was paid by the platform, not by the merchant.
    """

    SHAPE: ClassVar[int] = 2
    CHANGED: ClassVar[str | None] = "date_modified"
    CREATED: ClassVar[str | None] = "date_created"

    external_id: int
    date_created: datetime
    date_modified: datetime | None
    status: str
    total: Decimal
    subtotal: Decimal | None
    tax_total: Decimal | None
    shipping_total: Decimal | None
    discount_total: Decimal | None
    currency: str | None
    customer_external_id: int | None
    payment_method: str | None
    coupon_used: str | None
    items: tuple[OrderItem, ...]
    number: str | None = None
    financial_status: str | None = None
    fulfillment_status: str | None = None
    platform_status: str | None = None
    is_test: bool | None = None
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    channel: str | None = None
    ship_country: str | None = None
    ship_region: str | None = None
    prices_include_tax: bool | None = None
    amounts_include_tax: bool | None = None
    presentment_currency: str | None = None
    presentment_total: Decimal | None = None
    fee_total: Decimal | None = None
    tip_total: Decimal | None = None
    platform_discount_total: Decimal | None = None
    refunded_total: Decimal | None = None
    coupons: tuple[OrderCoupon, ...] = ()
    refunds: tuple[Refund, ...] = ()


class OrderRefund(Struct, frozen=True, gc=False):
    """The whole state of a refund that comes apart from its order. It counts once its status is `completed`."""

    SHAPE: ClassVar[int] = 1
    CHANGED: ClassVar[str | None] = "updated_at"
    CREATED: ClassVar[str | None] = "created_at"

    external_id: int
    order_external_id: int | None
    status: str
    amount: Decimal
    reason: str | None
    created_at: datetime | None
    updated_at: datetime | None
    items: tuple[RefundItem, ...]


class Product(Struct, frozen=True, gc=False):
    """The whole state of a product or variation."""

    SHAPE: ClassVar[int] = 1
    CHANGED: ClassVar[str | None] = "updated_at"
    CREATED: ClassVar[str | None] = "created_at"

    external_id: int
    name: str
    sku: str | None
    price: Decimal | None
    regular_price: Decimal | None
    sale_price: Decimal | None
    category_external_id: int | None
    category_name: str | None
    stock_quantity: Decimal | None
    stock_status: str | None
    status: str | None
    type: str | None
    created_at: datetime | None
    updated_at: datetime | None


class VariationAttribute(Struct, frozen=True, gc=False):
    """What a variation is of its product: Size, M. Without an option any will do."""

    name: str
    option: str | None


class Variation(Struct, frozen=True, gc=False):
    """The whole state of one variation of a product."""

    SHAPE: ClassVar[int] = 1
    CHANGED: ClassVar[str | None] = "updated_at"
    CREATED: ClassVar[str | None] = "created_at"

    external_id: int
    product_external_id: int | None
    name: str | None
    sku: str | None
    barcode: str | None
    price: Decimal | None
    regular_price: Decimal | None
    sale_price: Decimal | None
    stock_quantity: Decimal | None
    stock_status: str | None
    status: str | None
    created_at: datetime | None
    updated_at: datetime | None
    attributes: tuple[VariationAttribute, ...]


class Customer(Struct, frozen=True, gc=False):
    """The whole state of a customer.

    `email_hash` is the hash of the address, after `KEY_ID:` if it was made with a key. A new key changes the record's state.
    Hash and key id have a column each.
    """

    SHAPE: ClassVar[int] = 1
    CHANGED: ClassVar[str | None] = None
    CREATED: ClassVar[str | None] = "created_at"
    COLUMNS: ClassVar[dict[str, str]] = {"email_hash": "email_digest", "email_key": "email_key_id"}

    external_id: int
    email_hash: str | None
    display_name: str | None
    total_spent: Decimal | None
    order_count: int | None
    first_order_date: datetime | None
    last_order_date: datetime | None
    created_at: datetime | None

    @property
    def email_digest(self) -> str | None:
        return self.email_hash.rpartition(":")[2] if self.email_hash else None

    @property
    def email_key_id(self) -> str | None:
        return (self.email_hash or "").rpartition(":")[0] or None


class Category(Struct, frozen=True, gc=False):
    """The whole state of a product category."""

    SHAPE: ClassVar[int] = 1
    CHANGED: ClassVar[str | None] = None
    CREATED: ClassVar[str | None] = None

    external_id: int
    name: str
    parent_external_id: int | None
    product_count: int | None


Record = Order | OrderRefund | Product | Variation | Customer | Category
