"""Counts and ages over all stores: what `/metrics` shows of PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Logs that are running, paused or failed. `oldest_seconds`: since the first of them was accepted."""

    entity: str
    source: str
    queue: str
    status: str
    phase: str | None
    logs: int
    oldest_seconds: float
    most_attempts: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Since the installation: logs by result, their attempts, and records by outcome."""

    entity: str
    source: str
    completed: int
    failed: int
    cancelled: int
    attempts: int
    inserted: int
    updated: int
    unchanged: int
    stale: int
    invalid: int
    existing: int


@dataclass(frozen=True, slots=True)
class Watermarks:
    """The scheduled pulls of one platform and entity; None if nothing was measured yet."""

    platform: str
    entity: str
    age_seconds: float | None
    lateness_seconds: float | None
    overlap_seconds: float | None


@dataclass(frozen=True, slots=True)
class ItemGroup:
    """Outbound items that are open; `overdue` of them are past their deadline."""

    sync_type: str
    status: str
    items: int
    overdue: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class PaceGroup:
    """So many shops that do alike. None: nothing was learned yet, or the store has no limit of its own."""

    is_paused: bool
    products_at_once: int | None
    calls_limit: int | None
    shops: int


def measure_logs(conn: Connection) -> list[LogGroup]:
    with conn.cursor(row_factory=class_row(LogGroup)) as cursor:
        return cursor.execute(SQL["measure_logs"]).fetchall()


def measure_totals(conn: Connection) -> list[Totals]:
    with conn.cursor(row_factory=class_row(Totals)) as cursor:
        return cursor.execute(SQL["measure_totals"]).fetchall()


def measure_watermarks(conn: Connection) -> list[Watermarks]:
    with conn.cursor(row_factory=class_row(Watermarks)) as cursor:
        return cursor.execute(SQL["measure_watermarks"]).fetchall()


def measure_outbound(conn: Connection) -> list[ItemGroup]:
    with conn.cursor(row_factory=class_row(ItemGroup)) as cursor:
        return cursor.execute(SQL["measure_outbound"]).fetchall()


def measure_shop_pace(conn: Connection) -> list[PaceGroup]:
    with conn.cursor(row_factory=class_row(PaceGroup)) as cursor:
        return cursor.execute(SQL["measure_shop_pace"]).fetchall()


def measure_breaches(conn: Connection, seconds: float) -> list[tuple[str, str, int]]:
    """(type, cause, items) that ended past their deadline within the last `seconds`."""
    rows = conn.execute(SQL["measure_breaches"], {"seconds": seconds}).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def measure_drift(conn: Connection) -> list[tuple[str, int]]:
    """(field, products) in which shops were last seen to differ."""
    return [(row[0], row[1]) for row in conn.execute(SQL["measure_drift"]).fetchall()]


def measure_findings(conn: Connection) -> list[tuple[str, int]]:
    """(kind, orders) that do not add up."""
    return [(row[0], row[1]) for row in conn.execute(SQL["measure_findings"]).fetchall()]


def measure_alerts(conn: Connection) -> list[tuple[str, int, int]]:
    """(kind, open alerts, notices to send)."""
    return [(row[0], row[1], row[2]) for row in conn.execute(SQL["measure_alerts"]).fetchall()]


def measure_marks(conn: Connection) -> dict[str, tuple[float | None, float]]:
    """By name: seconds since the last `tick` and `watch` (None: never), and how long it took."""
    return {row[0]: (row[1], row[2]) for row in conn.execute(SQL["measure_marks"]).fetchall()}


def count_connections(conn: Connection) -> list[tuple[str, str, int]]:
    return [(row[0], row[1], row[2]) for row in conn.execute(SQL["count_connections"]).fetchall()]


@dataclass(frozen=True, slots=True)
class Server:
    """Size of the database, and how many connections it has and allows."""

    bytes: int
    connections: int
    most_connections: int


def measure_server(conn: Connection) -> Server:
    with conn.cursor(row_factory=class_row(Server)) as cursor:
        found = cursor.execute(SQL["measure_server"]).fetchone()
    assert found is not None  # a SELECT without FROM
    return found
