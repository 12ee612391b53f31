"""Received orders to publish: noted together with the orders, published later, then marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class ReceivedOrder:
    """An order: our id and the shop's."""

    order_id: UUID
    external_id: int


def note_received_orders(conn: Connection, store_id: UUID, external_ids: Sequence[int]) -> None:
    conn.execute(SQL["note_received_orders"], {"store_id": store_id, "external_ids": list(external_ids)})


def list_unpublished_orders(conn: Connection, store_id: UUID, most: int) -> list[ReceivedOrder]:
    rows = conn.execute(SQL["list_unpublished_orders"], {"store_id": store_id, "most": most}).fetchall()
    return [ReceivedOrder(*row) for row in rows]


def mark_orders_published(conn: Connection, store_id: UUID, order_ids: Sequence[UUID]) -> None:
    conn.execute(SQL["mark_orders_published"], {"store_id": store_id, "order_ids": list(order_ids)})


def list_publishing_stores(conn: Connection, most: int) -> list[UUID]:
    return [row[0] for row in conn.execute(SQL["list_publishing_stores"], {"most": most}).fetchall()]
