"""The takeover: the first time a store adopts products that its shop has already, which waits once for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class AdoptedDifference:
    """An adopted product and one field in which the shop differs from the ERP."""

    product_id: UUID
    sku: str
    ours: Any
    theirs: Any


def get_takeover(conn: Connection, store_id: UUID) -> str | None:
    """How the takeover was decided: approved, rejected, beforehand, or earlier; None if it is still to come."""
    row = conn.execute(SQL["get_takeover"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def decide_takeover(conn: Connection, store_id: UUID, decision: str) -> None:
    conn.execute(SQL["decide_takeover"], {"store_id": store_id, "decision": decision})


def has_lookups(conn: Connection, store_id: UUID) -> bool:
    """Whether the shop must still be asked for an open product by its SKU."""
    row = conn.execute(SQL["has_lookups"], {"store_id": store_id}).fetchone()
    return bool(row and row[0])


def count_adopted_fields(conn: Connection, store_id: UUID) -> dict[str, int]:
    """How many adopted products differ, by field."""
    return dict(conn.execute(SQL["count_adopted_fields"], {"store_id": store_id}).fetchall())


def list_adopted_differences(conn: Connection, store_id: UUID, field: str, most: int) -> list[AdoptedDifference]:
    parameters = {"store_id": store_id, "field": field, "most": most}
    with conn.cursor(row_factory=class_row(AdoptedDifference)) as cursor:
        return cursor.execute(SQL["list_adopted_differences"], parameters).fetchall()
