"""Describes each entity: its record and its references. Statements and lists of entities are built from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.records.shop import Category, Customer, Order, OrderItem, Product


@dataclass(frozen=True, slots=True)
class Reference:
    """`field` of a record is the external id of a record of `entity`; `column` holds the id of that record's row."""

    entity: str
    field: str
    column: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows that belong to a record, which has them in `field`. The column `owner` holds the id of the record's row."""

    table: str
    field: str
    owner: str
    record: type[Any]
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """One entity. `name` is its name in the API and its table."""

    name: str
    record: type[Any]
    references: tuple[Reference, ...] = ()
    lines: Lines | None = None


# In locking order: an entity comes after those that it refers to.
ENTITY_RECORDS = {
    entity.name: entity
    for entity in (
        EntityRecord(
            "categories",
            Category,
            references=(Reference("categories", "parent_external_id", "parent_id"),),
        ),
        EntityRecord(
            "products",
            Product,
            references=(Reference("categories", "category_external_id", "category_id"),),
        ),
        EntityRecord("customers", Customer),
        EntityRecord(
            "orders",
            Order,
            references=(Reference("customers", "customer_external_id", "customer_id"),),
            lines=Lines(
                "order_items",
                "items",
                "order_id",
                OrderItem,
                references=(Reference("products", "product_external_id", "product_id"),),
            ),
        ),
    )
}
