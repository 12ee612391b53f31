"""Describes each entity: its record and its references. Statements and lists of entities are built from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from msgspec import Struct

from schemas.records.balance import Finding, findings_of
from schemas.records.shop import (
    Category,
    Customer,
    Order,
    OrderCoupon,
    OrderItem,
    OrderRefund,
    Product,
    RefundItem,
    Variation,
    VariationAttribute,
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`field` of a record is the external id of a record of `entity`; `column` holds the id of that record's row."""

    entity: str
    field: str
    column: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows that belong to a record, which `rows` finds in it. The column `owner` holds the id of the record's row.

    `is_optional`: a record whose fields with a default all have it has no such rows.
    """

    table: str
    rows: Callable[[Any], Sequence[Any]]
    owner: str
    record: type[Any]
    references: tuple[Reference, ...] = ()
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """One entity. `name` is its name in the API and its table."""

    name: str
    record: type[Any]
    references: tuple[Reference, ...] = ()
    lines: tuple[Lines, ...] = ()


class RefundRow(Struct, frozen=True, gc=False):
    """A refund without its lines, as its table has it."""

    external_id: int | None
    created_at: datetime | None
    amount: Decimal
    reason: str | None


class RefundItemRow(Struct, frozen=True, gc=False):
    """A line of a refund. `refund_position` is the place of the refund among those of its order."""

    refund_position: int
    line_external_id: int | None
    kind: str
    quantity: Decimal | None
    amount: Decimal | None
    tax_total: Decimal | None


def _refund_rows(order: Order) -> list[RefundRow]:
    return [RefundRow(each.external_id, each.created_at, each.amount, each.reason) for each in order.refunds]


def _refund_item_rows(order: Order) -> list[RefundItemRow]:
    return [
        RefundItemRow(place, item.line_external_id, item.kind, item.quantity, item.amount, item.tax_total)
        for place, refund in enumerate(order.refunds)
        for item in refund.items
    ]


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
        EntityRecord(
            "variations",
            Variation,
            references=(Reference("products", "product_external_id", "product_id"),),
            lines=(Lines("variation_attributes", attrgetter("attributes"), "variation_id", VariationAttribute),),
        ),
        EntityRecord("customers", Customer),
        EntityRecord(
            "orders",
            Order,
            references=(Reference("customers", "customer_external_id", "customer_id"),),
            lines=(
                Lines(
                    "order_items",
                    attrgetter("items"),
                    "order_id",
                    OrderItem,
                    references=(
                        Reference("products", "product_external_id", "product_id"),
                        Reference("variations", "variation_external_id", "variation_id"),
                    ),
                ),
                Lines("order_coupons", attrgetter("coupons"), "order_id", OrderCoupon, is_optional=True),
                Lines("order_refunds", _refund_rows, "order_id", RefundRow, is_optional=True),
                Lines("order_refund_items", _refund_item_rows, "order_id", RefundItemRow, is_optional=True),
                Lines("order_findings", findings_of, "order_id", Finding, is_optional=True),
            ),
        ),
        EntityRecord(
            "refunds",
            OrderRefund,
            references=(Reference("orders", "order_external_id", "order_id"),),
            lines=(Lines("refund_items", attrgetter("items"), "refund_id", RefundItem),),
        ),
    )
}
