"""Orders that do not add up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)
FROM_THE_NEWEST = (2**63 - 1, 0)


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """Two figures of an order that should be equal. `difference` is `stated` less `computed`."""

    external_id: int
    number: str | None
    currency: str | None
    position: int
    kind: str
    stated: Decimal
    computed: Decimal
    difference: Decimal
    found_at: datetime


def list_findings(conn: Connection, store_id: UUID, before: tuple[int, int], most: int) -> list[StoredFinding]:
    """At most `most`, by falling (external id, position), before the position `before`."""
    parameters = {"store_id": store_id, "before_id": before[0], "before_position": before[1], "most": most}
    with conn.cursor(row_factory=class_row(StoredFinding)) as cursor:
        return cursor.execute(SQL["list_findings"], parameters).fetchall()
