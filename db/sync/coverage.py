"""The coverage ledger: which changes were read, by which run. It outlives the runs' logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Covered:
    """Changes from `covered_from` (None: ever) until before `covered_until` were read; all of them if `is_complete`."""

    covered_from: datetime | None
    covered_until: datetime
    mode: str
    log_id: UUID
    is_complete: bool
    recorded_at: datetime | None = None


def insert_coverage(conn: Connection, store_id: UUID, entity: str, covered: Covered) -> None:
    parameters = {
        "store_id": store_id,
        "entity": entity,
        "covered_from": covered.covered_from,
        "covered_until": covered.covered_until,
        "mode": covered.mode,
        "log_id": covered.log_id,
        "is_complete": covered.is_complete,
    }
    conn.execute(SQL["insert_coverage"], parameters)


def list_coverage(conn: Connection, store_id: UUID, entity: str, most: int) -> list[Covered]:
    with conn.cursor(row_factory=class_row(Covered)) as cursor:
        parameters = {"store_id": store_id, "entity": entity, "most": most}
        return cursor.execute(SQL["list_coverage"], parameters).fetchall()


def list_covered(conn: Connection, store_id: UUID, entity: str) -> list[tuple[datetime | None, datetime]]:
    rows = conn.execute(SQL["list_covered"], {"store_id": store_id, "entity": entity})
    return [(row[0], row[1]) for row in rows]
