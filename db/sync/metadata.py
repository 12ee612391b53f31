"""Watermarks: up to when the changes of each entity have been read, and where the next run starts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Metadata:
    """One entity of a store, in the words of specification 5. What changed before `last_sync_time` has been read."""

    sync_type: str
    last_sync_time: datetime | None
    last_record_time: datetime | None
    records_synced: int
    is_full_sync: bool
    overlap: timedelta
    lateness: timedelta | None
    worst_lateness: timedelta | None
    populated_to: int | None
    populated_from: datetime | None
    populated_at: datetime | None
    lowest_id: int | None


@dataclass(frozen=True, slots=True)
class MetadataChange:
    """What a completed run changes; None keeps the stored value."""

    last_sync_time: datetime | None
    last_record_time: datetime | None
    records_synced: int
    is_full_sync: bool
    overlap: timedelta
    lateness: timedelta | None
    rest: dict[str, Any] | None
    rest_page: bytes | None


def get_metadata(conn: Connection, store_id: UUID, sync_type: str) -> Metadata | None:
    with conn.cursor(row_factory=class_row(Metadata)) as cursor:
        return cursor.execute(SQL["get_metadata"], {"store_id": store_id, "sync_type": sync_type}).fetchone()


def list_metadata(conn: Connection, store_id: UUID) -> dict[str, Metadata]:
    with conn.cursor(row_factory=class_row(Metadata)) as cursor:
        return {row.sync_type: row for row in cursor.execute(SQL["list_metadata"], {"store_id": store_id})}


def take_rest(conn: Connection, store_id: UUID, sync_type: str) -> tuple[dict[str, Any], bytes | None] | None:
    """Take what an earlier run left unread; nobody gets it twice."""
    row = conn.execute(SQL["take_rest"], {"store_id": store_id, "sync_type": sync_type}).fetchone()
    return (row[0], row[1]) if row else None


def upsert_metadata(conn: Connection, store_id: UUID, sync_type: str, change: MetadataChange) -> None:
    parameters = {
        "store_id": store_id,
        "sync_type": sync_type,
        "last_sync_time": change.last_sync_time,
        "last_record_time": change.last_record_time,
        "records_synced": change.records_synced,
        "is_full_sync": change.is_full_sync,
        "overlap": change.overlap,
        "lateness": change.lateness,
        "rest": Jsonb(change.rest) if change.rest is not None else None,
        "rest_page": change.rest_page,
    }
    conn.execute(SQL["upsert_metadata"], parameters)


def mark_populated(
    conn: Connection,
    store_id: UUID,
    sync_type: str,
    populated_to: int | None,
    populated_from: datetime | None,
    populated_at: datetime,
) -> None:
    """`populated_from`: records created before were not asked for; None: all were."""
    parameters = {
        "store_id": store_id,
        "sync_type": sync_type,
        "populated_to": populated_to,
        "populated_from": populated_from,
        "populated_at": populated_at,
    }
    conn.execute(SQL["mark_populated"], parameters)


def mark_lowest(conn: Connection, store_id: UUID, sync_type: str, lowest_id: int) -> None:
    conn.execute(SQL["mark_lowest"], {"store_id": store_id, "sync_type": sync_type, "lowest_id": lowest_id})
