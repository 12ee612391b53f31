"""Failed logs over all stores: counts by code, and the ids of those with one code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed logs with the same error code."""

    error_code: str
    logs: int
    of_stores: int
    newest: datetime


def count_failures_of_all(conn: Connection) -> list[FailureGroup]:
    with conn.cursor(row_factory=class_row(FailureGroup)) as cursor:
        return cursor.execute(SQL["count_failures_of_all"]).fetchall()


def list_failures_of_all(conn: Connection, code: str, most: int) -> list[tuple[UUID, UUID]]:
    """Store and log of each, the newest first."""
    rows = conn.execute(SQL["list_failures_of_all"], {"code": code, "most": most}).fetchall()
    return [(row[0], row[1]) for row in rows]
