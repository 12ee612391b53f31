"""Sync items asked for: a change waits once, however often it is asked for."""

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
class Wanted:
    """A change to be sent. `target_id` is a product's id, or a category's. `id` serves where no such item waits already."""

    id: UUID
    target_id: UUID
    sync_type: str
    priority: int
    sla_seconds: float


@dataclass(frozen=True, slots=True)
class Origin:
    """What several items have in common: who asked, whether unchanged products go out too, and the run they belong to."""

    payload: dict[str, Any]
    force: bool = False
    batch_id: UUID | None = None


def lock_items(conn: Connection, store_id: UUID) -> None:
    """Held until the transaction ends by whoever asks for items, claims them, or lets them wait again."""
    conn.execute(SQL["lock_items"], {"store_id": store_id})


def request_product_items(conn: Connection, store_id: UUID, wanted: Sequence[Wanted], origin: Origin) -> list[UUID]:
    """Ask for changes of products, no (product, type) twice; returns the ids of the items that stand for them."""
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


def request_category_items(conn: Connection, store_id: UUID, wanted: Sequence[Wanted], origin: Origin) -> list[UUID]:
    """Ask for changes of categories, none twice; all of one priority."""
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
