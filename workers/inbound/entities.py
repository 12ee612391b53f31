"""The four entities as the worker sees them: which functions of the database layer each is written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.categories import get_category_versions, link_categories, touch_categories, upsert_categories
from db.customers import get_customer_versions, touch_customers, upsert_customers
from db.orders import get_order_versions, link_order_items, link_orders, touch_orders, upsert_orders
from db.products import get_product_versions, link_products, touch_products, upsert_products
from db.rows import StoredVersion, Write

Link = Callable[[Connection, UUID, Sequence[Write[Any]]], None]


@dataclass(frozen=True, slots=True)
class EntityTable:
    """How one entity is written. `links` complete the references of others that waited for its new rows."""

    get_versions: Callable[[Connection, UUID, Sequence[int]], dict[int, StoredVersion]]
    upsert: Callable[[Connection, UUID, int, Sequence[Write[Any]]], None]
    touch: Callable[[Connection, UUID, int, Sequence[tuple[int, datetime]]], None]
    links: tuple[Link, ...]


TABLES = {
    "orders": EntityTable(get_order_versions, upsert_orders, touch_orders, ()),
    "products": EntityTable(get_product_versions, upsert_products, touch_products, (link_order_items,)),
    "customers": EntityTable(get_customer_versions, upsert_customers, touch_customers, (link_orders,)),
    "categories": EntityTable(
        get_category_versions, upsert_categories, touch_categories, (link_categories, link_products)
    ),
}
