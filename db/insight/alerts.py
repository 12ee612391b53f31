"""Alerts: what they are found by, when they began and ended, and which notices were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed logs of a store, entity and source without a completed run after them; `log_id` is the last of them."""

    store_id: UUID
    entity: str
    source: str
    failed: int
    log_id: UUID


@dataclass(frozen=True, slots=True)
class LongRunning:
    """The longest running log of a store and queue."""

    store_id: UUID
    queue: str
    running_seconds: float
    log_id: UUID


@dataclass(frozen=True, slots=True)
class RecentRuns:
    """The last completed runs of a store, entity and source. The newest `zero_runs` had no record, an older one may have."""

    store_id: UUID
    entity: str
    source: str
    runs: int
    zero_runs: int
    had_rows: bool
    received: int
    invalid: int
    log_id: UUID


@dataclass(frozen=True, slots=True)
class Drifted:
    """A store whose shop has differed for a while, in so many products."""

    store_id: UUID
    differing: int


@dataclass(frozen=True, slots=True)
class Imbalanced:
    """A store that lately wrote so many orders, `found` of which do not add up."""

    store_id: UUID
    found: int
    written: int


@dataclass(frozen=True, slots=True)
class OldWatermark:
    """A scheduled pull that lags behind its schedule."""

    store_id: UUID
    entity: str
    age_seconds: float
    step_seconds: float


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that has not recovered."""

    store_id: UUID
    id: UUID
    kind: str
    entity: str
    source: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to send: that an alert was raised or, after that was sent, that it recovered."""

    store_id: UUID
    id: UUID
    kind: str
    entity: str
    source: str
    log_id: UUID | None
    measured: float
    threshold: float
    raised_at: datetime
    recovered_at: datetime | None
    raise_notified: bool
    tries: int
    is_logged: bool


def mark_tick(conn: Connection, seconds: float) -> None:
    conn.execute(SQL["mark_tick"], {"seconds": seconds})


def claim_watch(conn: Connection, pause: float) -> bool:
    """Whether the caller checks for alerts now. No other dispatcher does until `pause` seconds have passed."""
    return conn.execute(SQL["claim_watch"], {"pause": pause}).fetchone() is not None


def watch_drift(conn: Connection, seconds: float) -> list[Drifted]:
    with conn.cursor(row_factory=class_row(Drifted)) as cursor:
        return cursor.execute(SQL["watch_drift"], {"seconds": seconds}).fetchall()


def watch_findings(conn: Connection, seconds: float) -> list[Imbalanced]:
    with conn.cursor(row_factory=class_row(Imbalanced)) as cursor:
        return cursor.execute(SQL["watch_findings"], {"seconds": seconds}).fetchall()


def watch_failures(conn: Connection, quiet: float) -> list[Failures]:
    with conn.cursor(row_factory=class_row(Failures)) as cursor:
        return cursor.execute(SQL["watch_failures"], {"quiet": quiet}).fetchall()


def watch_running(conn: Connection, longest: float) -> list[LongRunning]:
    with conn.cursor(row_factory=class_row(LongRunning)) as cursor:
        return cursor.execute(SQL["watch_running"], {"longest": longest}).fetchall()


def watch_runs(conn: Connection, recent: int) -> list[RecentRuns]:
    with conn.cursor(row_factory=class_row(RecentRuns)) as cursor:
        return cursor.execute(SQL["watch_runs"], {"recent": recent}).fetchall()


def watch_watermarks(conn: Connection, longest: float) -> list[OldWatermark]:
    """Pulls that lag by more than their schedule's step plus `longest` seconds."""
    with conn.cursor(row_factory=class_row(OldWatermark)) as cursor:
        return cursor.execute(SQL["watch_watermarks"], {"longest": longest}).fetchall()


def list_open_alerts(conn: Connection) -> list[OpenAlert]:
    with conn.cursor(row_factory=class_row(OpenAlert)) as cursor:
        return cursor.execute(SQL["list_open_alerts"]).fetchall()


def insert_alert(
    conn: Connection,
    store_id: UUID,
    alert_id: UUID,
    about: tuple[str, str, str],
    log_id: UUID | None,
    measured: float,
    threshold: float,
) -> None:
    """`about`: kind, entity, source."""
    kind, entity, source = about
    parameters = {
        "store_id": store_id,
        "id": alert_id,
        "kind": kind,
        "entity": entity,
        "source": source,
        "log_id": log_id,
        "measured": measured,
        "threshold": threshold,
    }
    conn.execute(SQL["insert_alert"], parameters)


def recover_alert(conn: Connection, store_id: UUID, alert_id: UUID) -> None:
    conn.execute(SQL["recover_alert"], {"store_id": store_id, "id": alert_id})


def claim_notices(conn: Connection, hold: float, most: int) -> list[Notice]:
    """Take at most `most` notices for `hold` seconds. Those that are neither noted nor postponed by then are due again."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(SQL["claim_notices"], {"hold": hold, "most": most}).fetchall()


def note_raise_notified(conn: Connection, store_id: UUID, alert_id: UUID) -> None:
    conn.execute(SQL["note_raise_notified"], {"store_id": store_id, "id": alert_id})


def note_recovery_notified(conn: Connection, store_id: UUID, alert_id: UUID) -> None:
    conn.execute(SQL["note_recovery_notified"], {"store_id": store_id, "id": alert_id})


def postpone_notice(conn: Connection, store_id: UUID, alert_id: UUID, seconds: float) -> None:
    conn.execute(SQL["postpone_notice"], {"store_id": store_id, "id": alert_id, "seconds": seconds})


def prune_alerts(conn: Connection, days: int) -> int:
    row = conn.execute(SQL["prune_alerts"], {"days": days}).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class StandingAlert:
    """An open alert of any store, as operators see it. `entity` and `source` are empty where it is about all of them."""

    store_id: UUID
    id: UUID
    kind: str
    entity: str
    source: str
    log_id: UUID | None
    measured: float
    threshold: float
    raised_at: datetime
    acknowledged_at: datetime | None


def list_alerts_of_all(conn: Connection, most: int) -> list[StandingAlert]:
    with conn.cursor(row_factory=class_row(StandingAlert)) as cursor:
        return cursor.execute(SQL["list_alerts_of_all"], {"most": most}).fetchall()


def acknowledge_alert(conn: Connection, store_id: UUID, alert_id: UUID, by: UUID) -> bool:
    """Needs `tenant(conn, store_id)`. False if there is no such open alert."""
    parameters = {"store_id": store_id, "id": alert_id, "by": by}
    return conn.execute(SQL["acknowledge_alert"], parameters).rowcount == 1
