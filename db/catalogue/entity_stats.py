"""How many rows of each entity a store has and how fresh they are, stored instead of counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class EntityStats:
    """The figures of one entity, in the words of specification 5."""

    entity: str
    record_count: int
    last_sync_time: datetime
    last_record_time: datetime | None
    records_synced: int
    is_full_sync: bool


def add_to_stats(
    conn: Connection, store_id: UUID, entity: str, inserted: int, synced: int, newest: datetime | None
) -> None:
    """Belongs to the log's transaction. `newest` is the latest source time that it applied."""
    parameters = {"store_id": store_id, "entity": entity, "inserted": inserted, "synced": synced, "newest": newest}
    conn.execute(SQL["add_to_stats"], parameters)


def list_stats(conn: Connection, store_id: UUID) -> dict[str, EntityStats]:
    with conn.cursor(row_factory=class_row(EntityStats)) as cursor:
        return {row.entity: row for row in cursor.execute(SQL["list_stats"], {"store_id": store_id})}
