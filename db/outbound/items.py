"""Requests of sync items: a change waits once, however often it is requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """A change to send. `target_id` is the id of a product or category; `id` is used if no such item waits yet."""

    id: UUID
    target_id: UUID
    sync_type: str
    priority: int
    sla_seconds: float


@dataclass(frozen=True, slots=True)
class Origin:
    """What the items of one request share: who asked, whether unchanged products are sent too, and their run."""

    payload: dict[str, Any]
    force: bool = False
    batch_id: UUID | None = None


def lock_items(conn: Connection, store_id: UUID) -> None:
    """Lock the store's items until the transaction ends; needed to request, claim, return or reopen items."""
    conn.execute(SQL["lock_items"], {"store_id": store_id})


def request_product_items(
    conn: Connection, store_id: UUID, wanted: Sequence[ItemRequest], origin: Origin
) -> list[UUID]:
    """Request changes of products; each (product, type) may occur once. Returns the ids of the items."""
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in wanted],
        "product_ids": [one.target_id for one in wanted],
        "sync_types": [one.sync_type for one in wanted],
        "priorities": [one.priority for one in wanted],
        "sla_seconds": [one.sla_seconds for one in wanted],
        "payload": Jsonb(origin.payload),
        "force": origin.force,
        "batch_id": origin.batch_id,
    }
    return [row[0] for row in conn.execute(SQL["request_product_items"], parameters).fetchall()]


def request_category_items(
    conn: Connection, store_id: UUID, wanted: Sequence[ItemRequest], origin: Origin
) -> list[UUID]:
    if not wanted:
        return []
    parameters = {
        "store_id": store_id,
        "ids": [one.id for one in wanted],
        "category_ids": [one.target_id for one in wanted],
        "priority": wanted[0].priority,
        "sla_seconds": wanted[0].sla_seconds,
        "payload": Jsonb(origin.payload),
        "force": origin.force,
        "batch_id": origin.batch_id,
    }
    return [row[0] for row in conn.execute(SQL["request_category_items"], parameters).fetchall()]
