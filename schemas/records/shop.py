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


class OrderItem(Struct, frozen=True, gc=False):
    """One line of an order. Amounts in the order's currency."""

    product_name: str
    sku: str | None
    quantity: Decimal
    subtotal: Decimal | None
    total: Decimal | None
    product_external_id: int | None


class Order(Struct, frozen=True, gc=False):
    """The whole state of an order. Optional fields without a value are None. Moments are in UTC."""

    SHAPE: ClassVar[int] = 1
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


Record = Order | Product | Customer | Category
