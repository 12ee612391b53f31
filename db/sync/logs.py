"""Sync logs: accepted, claimed, ended. Every change of status checks the expected status."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class NewLog:
    """A log to accept, with its sanitised batch. A log without records is completed at once.

    `fingerprint` is the SHA-256 of the entity's name and the inflated body; set if there is an idempotency key.
    """

    store_id: UUID
    log_id: UUID
    entity: str
    source: str
    mode: str
    received: int
    body: bytes
    fingerprint: bytes | None
    idempotency_key: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a NewLog. `enqueue_no` is 0 if the store's window in Redis is full.

    `verdict`: accepted, replayed (the same key and body made `log_id` before), reused (the key came with another body), or full
    (too many open logs).
    """

    verdict: str
    log_id: UUID
    enqueue_no: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A log to enqueue. `enqueue_no` counts its entries into Redis and makes each job id unique."""

    store_id: UUID
    log_id: UUID
    enqueue_no: int
    entity: str
    received: int
    queue: str = "ingest"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt. `number` starts at 1 and never repeats for a log, even after a retry."""

    number: int
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A log that this transaction has locked. `accepted_seq` is part of the version of every row that it writes."""

    id: UUID
    accepted_seq: int
    accepted_at: datetime
    entity: str
    mode: str
    platform: str


@dataclass(frozen=True, slots=True)
class ClaimedLog:
    """A claimed batch. `body` is the sanitised batch, a JSON array."""

    id: UUID
    accepted_seq: int
    accepted_at: datetime
    entity: str
    mode: str
    received: int
    body: bytes

    @property
    def claim(self) -> Claim:
        # A batch comes from the plugin, and the plugin runs in WooCommerce.
        return Claim(self.id, self.accepted_seq, self.accepted_at, self.entity, self.mode, "woocommerce")


@dataclass(frozen=True, slots=True)
class Counts:
    """The outcome of each record. The counts add up to what was received, or the log can't complete."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    invalid: int = 0
    existing: int = 0

    @property
    def synced(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.stale

    @property
    def skipped(self) -> int:
        return self.invalid + self.existing


@dataclass(frozen=True, slots=True)
class LogView:
    """One log as its store may see it."""

    id: UUID
    accepted_seq: int
    entity: str
    source: str
    mode: str
    status: str
    phase: str | None
    received: int
    inserted: int
    updated: int
    unchanged: int
    stale: int
    invalid: int
    existing: int
    records_synced: int
    records_skipped: int
    attempts: int
    next_attempt_at: datetime
    accepted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    error_message: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs to list; None matches all. `before` is the accepted_seq of the last one seen."""

    before: int | None = None
    entity: str | None = None
    status: str | None = None
    source: str | None = None
    mode: str | None = None

    @property
    def has_kind(self) -> bool:
        return any((self.entity, self.status, self.source, self.mode))


def accept_log(conn: Connection, log: NewLog, window: int, most_open: int) -> Accepted:
    """Insert a log with its payload. The statement commits by itself: the connection must be in autocommit."""
    parameters = {
        "store_id": log.store_id,
        "log_id": log.log_id,
        "entity": log.entity,
        "source": log.source,
        "mode": log.mode,
        "received": log.received,
        "body": log.body,
        "fingerprint": log.fingerprint,
        "idempotency_key": log.idempotency_key,
        "request_id": log.request_id,
        "window": window,
        "most_open": most_open,
    }
    row = conn.execute(SQL["accept_log"], parameters).fetchone()
    if row is None:
        raise RuntimeError("accept_log answers with one row")
    return Accepted(*row)


def begin_attempt(
    conn: Connection, store_id: UUID, log_id: UUID, most_attempts: int, delays: list[float]
) -> Attempt | None:
    """Count an attempt, in a short transaction before the work. None if the log is not due.

    `delays[n-1]`: seconds from the start of attempt n to the next one, if n has no result.
    """
    parameters = {"store_id": store_id, "log_id": log_id, "most_attempts": most_attempts, "delays": delays}
    row = conn.execute(SQL["begin_attempt"], parameters).fetchone()
    return Attempt(*row) if row else None


def claim_log(conn: Connection, store_id: UUID, log_id: UUID, attempt: int) -> ClaimedLog | None:
    """Lock the log until the transaction ends. None if another worker has it, or it has moved on."""
    parameters = {"store_id": store_id, "log_id": log_id, "attempt": attempt}
    # binary: the body would come as hexadecimal text, twice its size
    with conn.cursor(row_factory=class_row(ClaimedLog), binary=True) as cursor:
        return cursor.execute(SQL["claim_log"], parameters).fetchone()


def get_barrier(conn: Connection, store_id: UUID, log: Claim) -> int:
    """The newest older log of the entity that may still be applied; 0 for none. Read it before the stored versions."""
    parameters = {
        "store_id": store_id,
        "log_id": log.id,
        "entity": log.entity,
        "accepted_seq": log.accepted_seq,
        "accepted_at": log.accepted_at,
    }
    row = conn.execute(SQL["get_barrier"], parameters).fetchone()
    return int(row[0]) if row else 0


def mark_completed(conn: Connection, store_id: UUID, log_id: UUID, counts: Counts) -> bool:
    parameters = {"store_id": store_id, "log_id": log_id, **asdict(counts)}
    return conn.execute(SQL["mark_completed"], parameters).rowcount == 1


def _verdict(store_id: UUID, log_id: UUID, attempt: int, code: str, message: str) -> dict[str, Any]:
    return {
        "store_id": store_id,
        "log_id": log_id,
        "attempt": attempt,
        "error_code": code,
        "error_message": message,
    }


def mark_retrying(conn: Connection, store_id: UUID, log_id: UUID, attempt: int, code: str, message: str) -> bool:
    return conn.execute(SQL["mark_retrying"], _verdict(store_id, log_id, attempt, code, message)).rowcount == 1


def mark_failed(conn: Connection, store_id: UUID, log_id: UUID, attempt: int, code: str, message: str) -> bool:
    return conn.execute(SQL["mark_failed"], _verdict(store_id, log_id, attempt, code, message)).rowcount == 1


def admit_next(conn: Connection, store_id: UUID, window: int) -> list[Ticket]:
    """Admit a store's oldest waiting logs to its window. Enqueue the tickets after the commit."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["admit_next"], {"store_id": store_id, "window": window}).fetchall()


def retry_log(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["retry_log"], {"store_id": store_id, "log_id": log_id}).fetchone()


def cancel_log(conn: Connection, store_id: UUID, log_id: UUID) -> bool:
    return conn.execute(SQL["cancel_log"], {"store_id": store_id, "log_id": log_id}).rowcount == 1


def get_log(conn: Connection, store_id: UUID, log_id: UUID) -> LogView | None:
    with conn.cursor(row_factory=class_row(LogView)) as cursor:
        return cursor.execute(SQL["get_log"], {"store_id": store_id, "log_id": log_id}).fetchone()


def newest_before(conn: Connection, store_id: UUID, first_id: UUID) -> int | None:
    """The accepted_seq of the newest log with an id below `first_id`; None if there is none."""
    row = conn.execute(SQL["newest_before"], {"store_id": store_id, "id": first_id}).fetchone()
    return int(row[0]) if row else None


def list_logs(conn: Connection, store_id: UUID, wanted: LogFilter, most: int) -> list[LogView]:
    # Without a filter the newest logs are read from one index; a filter needs a step for each kind.
    query = SQL["list_logs_of_kind"] if wanted.has_kind else SQL["list_logs"]
    parameters = {
        "store_id": store_id,
        "before": wanted.before,
        "entity": wanted.entity,
        "status": wanted.status,
        "source": wanted.source,
        "mode": wanted.mode,
        "most": most,
    }
    with conn.cursor(row_factory=class_row(LogView)) as cursor:
        return cursor.execute(query, parameters).fetchall()
