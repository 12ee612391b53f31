"""The entities as the worker sees them: which functions of the database layer each platform's are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import Connection

from db.catalogue.categories import get_category_versions, link_categories, touch_categories, upsert_categories
from db.catalogue.customers import get_customer_versions, touch_customers, upsert_customers
from db.catalogue.orders import get_order_versions, link_order_items, link_orders, touch_orders, upsert_orders
from db.catalogue.products import get_product_versions, link_products, touch_products, upsert_products
from db.catalogue.staged_upsert import StoredVersion, Write
from db.core.sql import PLATFORMS, Platform

Link = Callable[[Connection, UUID, Sequence[Write[Any]]], None]


@dataclass(frozen=True, slots=True)
class EntityTable:
    """How one entity is written. `links` complete the references of others that waited for its new rows."""

    get_versions: Callable[[Connection, UUID, Sequence[int]], dict[int, StoredVersion]]
    upsert: Callable[[Connection, UUID, int, Sequence[Write[Any]]], None]
    touch: Callable[[Connection, UUID, int, Sequence[tuple[int, datetime]]], None]
    links: tuple[Link, ...]


def _tables(platform: Platform) -> dict[str, EntityTable]:
    """The tables of one platform's records: the same, but for the column that holds the platform's id."""
    return {
        "orders": EntityTable(
            partial(get_order_versions, platform=platform),
            partial(upsert_orders, platform=platform),
            partial(touch_orders, platform=platform),
            (),
        ),
        "products": EntityTable(
            partial(get_product_versions, platform=platform),
            partial(upsert_products, platform=platform),
            partial(touch_products, platform=platform),
            (link_order_items,),
        ),
        "customers": EntityTable(
            partial(get_customer_versions, platform=platform),
            partial(upsert_customers, platform=platform),
            partial(touch_customers, platform=platform),
            (link_orders,),
        ),
    }


TABLES = {platform: _tables(platform) for platform in PLATFORMS}
TABLES["woocommerce"]["categories"] = EntityTable(
    get_category_versions, upsert_categories, touch_categories, (link_categories, link_products)
)
