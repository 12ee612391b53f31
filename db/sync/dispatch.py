"""What the dispatcher does across stores. Returns ids and tickets, never a store's data."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.sync.logs import Ticket

SQL = queries(__file__)


def list_stranded(conn: Connection, waiting: list[UUID], most_attempts: int, most: int) -> list[Ticket]:
    """Mark stranded logs as enqueued again and return them. `waiting`: the ids that Redis still holds."""
    parameters = {"waiting": waiting, "most_attempts": most_attempts, "most": most}
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["list_stranded"], parameters).fetchall()


def admit_waiting(conn: Connection, window: int) -> list[Ticket]:
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["admit_waiting"], {"window": window}).fetchall()


def give_up(conn: Connection, most_attempts: int, code: str, message: str) -> list[tuple[UUID, UUID]]:
    """Fail logs that are out of attempts; returns (store id, log id) of each."""
    parameters = {"most_attempts": most_attempts, "error_code": code, "error_message": message}
    return [(row[0], row[1]) for row in conn.execute(SQL["give_up"], parameters).fetchall()]


def prune_logs(conn: Connection, days: int, most: int) -> int:
    row = conn.execute(SQL["prune_logs"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def merge_coverage(conn: Connection, days: int, most: int) -> int:
    """Merge windows older than `days` that touch, at most `most` per store and entity; returns how many fewer there are."""
    row = conn.execute(SQL["merge_coverage"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def mend_times(conn: Connection) -> int:
    row = conn.execute(SQL["mend_times"]).fetchone()
    return int(row[0]) if row else 0
