"""Discontinued products: which they are, what the shop had of them before, and each store's policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries
from schemas.records.erp import DISCONTINUED_POLICIES

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


def get_policy(conn: Connection, store_id: UUID) -> str:
    """What becomes of a discontinued product in the shop: one of DISCONTINUED_POLICIES."""
    row = conn.execute(SQL["get_policy"], {"store_id": store_id}).fetchone()
    return (row and row[0]) or DISCONTINUED_POLICIES[0]


def set_policy(conn: Connection, store_id: UUID, policy: str) -> bool:
    """False if there is no such store."""
    return conn.execute(SQL["set_policy"], {"store_id": store_id, "policy": policy}).rowcount == 1
