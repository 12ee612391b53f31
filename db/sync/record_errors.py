"""Skipped records of a log: index, external id, field and reason; never a value."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)
FROM_THE_START = (-1, "")
MOST_LISTED = 5000  # of a log; what is beyond is counted in sync_logs.unlisted_errors


@dataclass(frozen=True, slots=True)
class RecordError:
    """One problem of one record. `record_index` is its place in the batch, from 0."""

    record_index: int
    external_id: str | None
    field: str
    code: str
    reason: str


def replace_record_errors(
    conn: Connection, store_id: UUID, log_id: UUID, errors: list[RecordError], unlisted: int = 0
) -> None:
    """Replace what an earlier attempt of the log reported. `unlisted` more problems were only counted."""
    conn.execute(SQL["delete_record_errors"], {"store_id": store_id, "log_id": log_id})
    add_record_errors(conn, store_id, log_id, errors, unlisted)


def add_record_errors(
    conn: Connection, store_id: UUID, log_id: UUID, errors: list[RecordError], unlisted: int = 0
) -> int:
    """Add to what the log's earlier pages reported. Returns how many problems were only counted, `unlisted` included."""
    if not errors:
        return 0  # most logs have none: no statement for them
    unlisted += max(len(errors) - MOST_LISTED, 0)
    errors = errors[:MOST_LISTED]
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "most": MOST_LISTED,
        "indexes": [error.record_index for error in errors],
        "ids": [error.external_id for error in errors],
        "fields": [error.field for error in errors],
        "codes": [error.code for error in errors],
        "reasons": [error.reason for error in errors],
    }
    unlisted += len(errors) - conn.execute(SQL["insert_record_errors"], parameters).rowcount
    if unlisted:
        conn.execute(SQL["count_unlisted_errors"], {"store_id": store_id, "log_id": log_id, "unlisted": unlisted})
    return unlisted


def get_unlisted_errors(conn: Connection, store_id: UUID, log_id: UUID) -> int:
    row = conn.execute(SQL["get_unlisted_errors"], {"store_id": store_id, "log_id": log_id}).fetchone()
    return int(row[0]) if row else 0


def list_record_errors(
    conn: Connection, store_id: UUID, log_id: UUID, after: tuple[int, str], most: int
) -> list[RecordError]:
    """At most `most` problems in the batch's order, after the (index, field) `after`."""
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "after_index": after[0],
        "after_field": after[1],
        "most": most,
    }
    with conn.cursor(row_factory=class_row(RecordError)) as cursor:
        return cursor.execute(SQL["list_record_errors"], parameters).fetchall()
