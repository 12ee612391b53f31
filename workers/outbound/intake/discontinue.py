"""Takes in that the ERP has discontinued products. One that it states again comes back: see `take_products`."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from psycopg import Connection

from db.outbound.discontinued import mark_discontinued
from db.outbound.erp_products import lock_catalogue
from db.outbound.item_holds import recheck_products
from db.outbound.items import Origin, lock_items
from workers.outbound.requests import request_products


def discontinue_products(conn: Connection, store_id: UUID, product_ids: Collection[UUID], origin: Origin) -> list[UUID]:
    """Mark products and request that the shop takes them off sale; returns the items. Unknown ones are left out."""
    lock_catalogue(conn, store_id)
    lock_items(conn, store_id)  # before any row, as for products that are taken in
    known = mark_discontinued(conn, store_id, sorted(product_ids))
    items = request_products(conn, store_id, [(product_id, "product") for product_id in known], origin)
    recheck_products(conn, store_id, known)
    return items
