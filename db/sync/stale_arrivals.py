"""Records that came with an older version than the stored one, kept to explain why they were not applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class StaleArrival:
    """The last arrival of an older version of a record, and its log."""

    log_id: UUID
    offered_version: datetime
    arrived_at: datetime


def upsert_stale_arrivals(
    conn: Connection, store_id: UUID, entity: str, log_id: UUID, outdated: Sequence[tuple[int, datetime]]
) -> None:
    if not outdated:
        return
    parameters = {
        "store_id": store_id,
        "entity": entity,
        "log_id": log_id,
        "keys": [key for key, _ in outdated],
        "times": [offered for _, offered in outdated],
    }
    conn.execute(SQL["upsert_stale_arrivals"], parameters)


def get_stale_arrival(conn: Connection, store_id: UUID, entity: str, external_id: int) -> StaleArrival | None:
    parameters = {"store_id": store_id, "entity": entity, "external_id": external_id}
    with conn.cursor(row_factory=class_row(StaleArrival)) as cursor:
        return cursor.execute(SQL["get_stale_arrival"], parameters).fetchone()
