"""Discontinued products: which they are and what the shop had of them before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)


def mark_discontinued(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> list[UUID]:
    """Returns the known ones of these products. Needs `lock_catalogue` and `lock_items`."""
    rows = conn.execute(SQL["mark_discontinued"], {"store_id": store_id, "product_ids": list(product_ids)}).fetchall()
    return [row[0] for row in rows]


def save_taken_off(conn: Connection, store_id: UUID, befores: Mapping[UUID, Mapping[str, Any]]) -> None:
    """Save what the shop has of products, by field, before they are taken off sale."""
    parameters = {
        "store_id": store_id,
        "product_ids": list(befores),
        "befores": [Jsonb(dict(before)) for before in befores.values()],
    }
    conn.execute(SQL["save_taken_off"], parameters)


def forget_taken_off(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["forget_taken_off"], {"store_id": store_id, "product_ids": list(product_ids)})
