"""What the dispatcher asks across stores: tickets and ids, nothing of a tenant's data."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.sync.logs import Ticket

SQL = queries(__file__)


def list_stranded(conn: Connection, waiting: list[UUID], most_attempts: int, most: int) -> list[Ticket]:
    """Mark stranded logs as enqueued again and return them; `waiting` are the ids that Redis still holds."""
    parameters = {"waiting": waiting, "most_attempts": most_attempts, "most": most}
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["list_stranded"], parameters).fetchall()


def admit_waiting(conn: Connection, window: int) -> list[Ticket]:
    """Fill the windows of all stores that have room."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["admit_waiting"], {"window": window}).fetchall()


def give_up(conn: Connection, most_attempts: int, code: str, message: str) -> list[tuple[UUID, UUID]]:
    """Fail what is out of attempts; returns (store id, log id) of each."""
    parameters = {"most_attempts": most_attempts, "error_code": code, "error_message": message}
    return [(row[0], row[1]) for row in conn.execute(SQL["give_up"], parameters).fetchall()]


def prune_logs(conn: Connection, days: int, most: int) -> int:
    """Delete at most `most` ended logs that were accepted more than `days` days ago; returns how many."""
    row = conn.execute(SQL["prune_logs"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def merge_coverage(conn: Connection, days: int, most: int) -> int:
    """Make one of windows older than `days` that touch, of at most `most` a store and entity; returns how many fewer."""
    row = conn.execute(SQL["merge_coverage"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0


def mend_times(conn: Connection) -> int:
    """After the clock was set back: bring times that are still to come to now; returns of how many logs."""
    row = conn.execute(SQL["mend_times"]).fetchone()
    return int(row[0]) if row else 0
