"""What each entity is: its record and what it refers to. Tables, statements and lists of entities follow from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.records.shop import Category, Customer, Order, OrderItem, Product


@dataclass(frozen=True, slots=True)
class Reference:
    """`field` of a record holds the platform's id of a record of `entity`; `column` of its row gets that row's id."""

    entity: str
    field: str
    column: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows that live and die with their record, which holds them in `field`. `owner` is the column of the record's row id."""

    table: str
    field: str
    owner: str
    record: type[Any]
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """One entity. `name` is its word in the API and its table."""

    name: str
    record: type[Any]
    references: tuple[Reference, ...] = ()
    lines: Lines | None = None


# In the order in which locks on entities are taken: what is referred to comes first.
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
