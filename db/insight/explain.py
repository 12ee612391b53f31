"""Facts about one record, found by its external id: the row, the log that wrote it, the log that skipped it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.catalogue.statements import columns_of
from db.core.sql import fill, queries
from schemas.records.entities import ENTITY_RECORDS

SQL = queries(__file__)
HIDDEN = ("external_id", "email_hash", "email_key")


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """The stored version, and when it was written; `created_at` is the platform's."""

    source_updated_at: datetime
    accepted_seq: int
    synced_at: datetime
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Value:
    """One column of a record. `entity` is set where the value is the external id of a record of that entity."""

    name: str
    value: Any
    entity: str | None


@dataclass(frozen=True, slots=True)
class RecordValues:
    """What is stored of one record. A line has its values in the order of `line_fields`."""

    values: tuple[Value, ...]
    line_fields: tuple[str, ...]
    lines: tuple[tuple[Any, ...], ...]


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


def get_values(conn: Connection, store_id: UUID, entity: str, external_id: int, most_lines: int) -> RecordValues | None:
    """What is stored of a record, and at most so many of its lines; None for an unknown one. Hashes are left out."""
    described = ENTITY_RECORDS[entity]
    lines = described.lines
    names = _shown(described.record)
    query = fill(SQL["get_values"], table=entity, columns=", ".join(names))
    row = conn.execute(query, {"store_id": store_id, "external_id": external_id}).fetchone()
    if row is None:
        return None
    links = {reference.field: reference.entity for reference in described.references}
    values = tuple(Value(name, value, links.get(name)) for name, value in zip(names, row[1:], strict=True))
    if lines is None:
        return RecordValues(values, (), ())
    of_lines = _shown(lines.record)
    query = fill(SQL["list_lines"], table=lines.table, columns=", ".join(of_lines), owner=lines.owner)
    parameters = {"store_id": store_id, "owner_id": row[0], "most": most_lines}
    return RecordValues(values, of_lines, tuple(conn.execute(query, parameters).fetchall()))


def _shown(record: type[Any]) -> tuple[str, ...]:
    return tuple(name for name in columns_of(record) if name not in HIDDEN)


def get_log_of_seq(conn: Connection, store_id: UUID, accepted_seq: int) -> UUID | None:
    row = conn.execute(SQL["get_log_of_seq"], {"store_id": store_id, "accepted_seq": accepted_seq}).fetchone()
    return row[0] if row else None


def get_last_skip(conn: Connection, store_id: UUID, entity: str, external_id: int) -> Skip | None:
    parameters = {"store_id": store_id, "entity": entity, "external_id": external_id}
    with conn.cursor(row_factory=class_row(Skip)) as cursor:
        return cursor.execute(SQL["get_last_skip"], parameters).fetchone()
