"""Facts about one record, found by its external id: the row, the log that wrote it, the log that skipped it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import fill, queries
from schemas.records.entities import ENTITY_RECORDS

SQL = queries(__file__)
HIDDEN = ("id", "external_id", "position", "accepted_seq", "content_hash", "email_hash", "email_key")


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """The stored version, and when it was written; `created_at` is the platform's."""

    source_updated_at: datetime
    accepted_seq: int
    synced_at: datetime
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Value:
    """One column of a record, as text. `entity` is set where it is the external id of a record of that entity."""

    name: str
    text: str | None
    entity: str | None


@dataclass(frozen=True, slots=True)
class RecordValues:
    """What is stored of one record, and of an order's items, each with the same names in the same order."""

    values: tuple[Value, ...]
    items: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a log skipped the record."""

    log_id: UUID
    field: str
    code: str
    reason: str
    skipped_at: datetime


def get_stored_record(conn: Connection, store_id: UUID, entity: str, external_id: int) -> StoredRecord | None:
    created = ENTITY_RECORDS[entity].record.CREATED or "NULL::timestamptz"
    query = fill(SQL["get_stored_record"], table=entity, created=created)
    with conn.cursor(row_factory=class_row(StoredRecord)) as cursor:
        return cursor.execute(query, {"store_id": store_id, "external_id": external_id}).fetchone()


def get_values(conn: Connection, store_id: UUID, entity: str, external_id: int, most_items: int) -> RecordValues | None:
    """What is stored of a record, and an order's first items; None for an unknown one. Ids of rows and hashes are left out."""
    parameters = {"store_id": store_id, "external_id": external_id}
    found = conn.execute(fill(SQL["get_values"], table=entity), parameters).fetchall()
    if not found:
        return None
    links = {reference.field: reference.entity for reference in ENTITY_RECORDS[entity].references}
    values = tuple(Value(name, text, links.get(name)) for name, text in found if _is_shown(name))
    items: dict[int, list[Value]] = {}
    if entity == "orders":
        rows = conn.execute(SQL["list_item_values"], parameters | {"most": most_items}).fetchall()
        for position, name, text in rows:
            if _is_shown(name):
                items.setdefault(position, []).append(Value(name, text, None))
    return RecordValues(values, tuple(map(tuple, items.values())))


def _is_shown(name: str) -> bool:
    return name not in HIDDEN and not (name.endswith("_id") and not name.endswith("_external_id"))


def get_log_of_seq(conn: Connection, store_id: UUID, accepted_seq: int) -> UUID | None:
    row = conn.execute(SQL["get_log_of_seq"], {"store_id": store_id, "accepted_seq": accepted_seq}).fetchone()
    return row[0] if row else None


def get_last_skip(conn: Connection, store_id: UUID, entity: str, external_id: int) -> Skip | None:
    parameters = {"store_id": store_id, "entity": entity, "external_id": external_id}
    with conn.cursor(row_factory=class_row(Skip)) as cursor:
        return cursor.execute(SQL["get_last_skip"], parameters).fetchone()
