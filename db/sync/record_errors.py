"""Skipped records of a log: place, platform's id, field and reason; never a value."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)
FROM_THE_START = (-1, "")


@dataclass(frozen=True, slots=True)
class RecordError:
    """One problem of one record. `record_index` is its place in the batch, from 0."""

    record_index: int
    external_id: str | None
    field: str
    code: str
    reason: str


def replace_record_errors(conn: Connection, store_id: UUID, log_id: UUID, errors: list[RecordError]) -> None:
    """Write what a log reports, in place of what an earlier try of it reported."""
    conn.execute(SQL["delete_record_errors"], {"store_id": store_id, "log_id": log_id})
    add_record_errors(conn, store_id, log_id, errors)


def add_record_errors(conn: Connection, store_id: UUID, log_id: UUID, errors: list[RecordError]) -> None:
    """Write what a log reports beside what it has reported: one page of a pull after the other."""
    if not errors:
        return
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "indexes": [error.record_index for error in errors],
        "ids": [error.external_id for error in errors],
        "fields": [error.field for error in errors],
        "codes": [error.code for error in errors],
        "reasons": [error.reason for error in errors],
    }
    conn.execute(SQL["insert_record_errors"], parameters)


def list_record_errors(
    conn: Connection, store_id: UUID, log_id: UUID, after: tuple[int, str], most: int
) -> list[RecordError]:
    """At most `most` problems in the batch's order, behind the (index, field) `after`."""
    parameters = {
        "store_id": store_id,
        "log_id": log_id,
        "after_index": after[0],
        "after_field": after[1],
        "most": most,
    }
    with conn.cursor(row_factory=class_row(RecordError)) as cursor:
        return cursor.execute(SQL["list_record_errors"], parameters).fetchall()
