"""Drift checks: when one is due, how far it came, and what it found; and each store's own settings for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries
from db.outbound.mappings import Differences, FieldDifference

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """The check of a store. `due_at` is None if none is due; the other fields are those of its table."""

    due_at: datetime | None
    is_whole: bool
    place: UUID | None
    began_at: datetime | None
    watermark: datetime | None
    checked_at: datetime | None
    whole_at: datetime | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A product in which the shop differs. `is_open`: an item of it waits, is held or is being sent."""

    product_id: UUID
    sku: str
    wc_product_id: int
    sync_status: str
    is_open: bool
    differences: Differences


def request_check(conn: Connection, store_id: UUID, *, whole: bool) -> None:
    """Let the next sender check; a check that is due already goes on, and becomes a whole one if asked."""
    conn.execute(SQL["request_check"], {"store_id": store_id, "whole": whole})


def get_check(conn: Connection, store_id: UUID) -> DriftCheck | None:
    with conn.cursor(row_factory=class_row(DriftCheck)) as cursor:
        return cursor.execute(SQL["get_check"], {"store_id": store_id}).fetchone()


def get_due_check(conn: Connection, store_id: UUID) -> tuple[DriftCheck, datetime] | None:
    """The check, and the database's time."""
    row = conn.execute(SQL["get_due_check"], {"store_id": store_id}).fetchone()
    return None if row is None else (DriftCheck(*row[:8]), row[8])


def move_check(conn: Connection, store_id: UUID, place: UUID | None, began_at: datetime | None) -> None:
    """Note how far a whole check came; without a place, that it begins."""
    conn.execute(SQL["move_check"], {"store_id": store_id, "place": place, "began_at": began_at})


def end_check(conn: Connection, store_id: UUID, watermark: datetime, *, whole: bool) -> None:
    conn.execute(SQL["end_check"], {"store_id": store_id, "watermark": watermark, "whole": whole})


def postpone_check(conn: Connection, store_id: UUID, code: str, seconds: float) -> None:
    conn.execute(SQL["postpone_check"], {"store_id": store_id, "code": code, "seconds": seconds})


def page_mapped(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[UUID]:
    parameters = {"store_id": store_id, "after": after, "most": most}
    return [row[0] for row in conn.execute(SQL["page_mapped"], parameters).fetchall()]


def list_busy_products(conn: Connection, store_id: UUID, product_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the products that have an open item."""
    parameters = {"store_id": store_id, "product_ids": list(product_ids)}
    return {row[0] for row in conn.execute(SQL["list_busy_products"], parameters).fetchall()}


def page_findings(conn: Connection, store_id: UUID, after: UUID | None, most: int) -> list[Finding]:
    rows = conn.execute(SQL["page_findings"], {"store_id": store_id, "after": after, "most": most}).fetchall()
    return [
        Finding(row[0], row[1], row[2], row[3], row[4], msgspec.convert(row[5], dict[str, FieldDifference]))
        for row in rows
    ]


def get_drift_settings(conn: Connection, store_id: UUID) -> Any:
    row = conn.execute(SQL["get_drift_settings"], {"store_id": store_id}).fetchone()
    return row[0] if row else None


def set_drift_settings(conn: Connection, store_id: UUID, settings: dict[str, Any]) -> bool:
    parameters = {"store_id": store_id, "settings": Jsonb(settings)}
    return conn.execute(SQL["set_drift_settings"], parameters).rowcount == 1
