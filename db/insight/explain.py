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


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """The stored version, and when it was written; `created_at` is the platform's."""

    source_updated_at: datetime
    accepted_seq: int
    synced_at: datetime
    created_at: datetime | None


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


def get_log_of_seq(conn: Connection, store_id: UUID, accepted_seq: int) -> UUID | None:
    row = conn.execute(SQL["get_log_of_seq"], {"store_id": store_id, "accepted_seq": accepted_seq}).fetchone()
    return row[0] if row else None


def get_last_skip(conn: Connection, store_id: UUID, entity: str, external_id: int) -> Skip | None:
    parameters = {"store_id": store_id, "entity": entity, "external_id": external_id}
    with conn.cursor(row_factory=class_row(Skip)) as cursor:
        return cursor.execute(SQL["get_last_skip"], parameters).fetchone()
