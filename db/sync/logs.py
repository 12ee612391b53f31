"""Sync logs: accepted, claimed, ended. Every change of status is guarded by the status it expects."""

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
    """A log about to be accepted, with its sanitised batch; one of no records is complete as it comes.

    `fingerprint` is the SHA-256 of the entity's name and the inflated body, wherever there is an idempotency key.
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
    """The answer to a NewLog. `verdict`: accepted, replayed (the same key and body made `log_id` before), reused (the key
    came with another body), or full (too many open logs). `enqueue_no` is 0 where the store's window in Redis is full."""

    verdict: str
    log_id: UUID
    enqueue_no: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A log to enqueue: `enqueue_no` counts its entries into Redis, and makes each entry's job id its own."""

    store_id: UUID
    log_id: UUID
    enqueue_no: int
    entity: str
    received: int
    queue: str = "ingest"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has been counted. `number` starts at 1."""

    number: int
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """A log whose row is locked by this transaction, with the place that what it applies has in the order of acceptance."""

    id: UUID
    accepted_seq: int
    accepted_at: datetime
    entity: str
    mode: str
    platform: str


@dataclass(frozen=True, slots=True)
class ClaimedLog:
    """A batch whose log is claimed. `body` is the sanitised batch, a JSON array."""

    id: UUID
    accepted_seq: int
    accepted_at: datetime
    entity: str
    mode: str
    received: int
    body: bytes

    @property
    def claim(self) -> Claim:
        """A batch comes from the plugin, and the plugin from WooCommerce."""
        return Claim(self.id, self.accepted_seq, self.accepted_at, self.entity, self.mode, "woocommerce")


@dataclass(frozen=True, slots=True)
class Counts:
    """Where each record of a batch went. They add up to what was received, or the log can't complete."""

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
    """One log as its tenant may see it."""

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
    """Which logs to list; None lets everything through. `before` is the accepted_seq of the last one seen."""

    before: int | None = None
    entity: str | None = None
    status: str | None = None
    source: str | None = None
    mode: str | None = None

    @property
    def has_kind(self) -> bool:
        return any((self.entity, self.status, self.source, self.mode))


def accept_log(conn: Connection, log: NewLog, window: int, most_open: int) -> Accepted:
    """Create a log with its payload in a statement that is its own transaction: the connection must be in autocommit."""
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
    """Count an attempt, in a small transaction before the work. None where this log is not to be worked on now.

    `delays[n-1]` is how many seconds after attempt n began the next may begin, should n come to nothing.
    """
    parameters = {"store_id": store_id, "log_id": log_id, "most_attempts": most_attempts, "delays": delays}
    row = conn.execute(SQL["begin_attempt"], parameters).fetchone()
    return Attempt(*row) if row else None


def claim_log(conn: Connection, store_id: UUID, log_id: UUID, attempt: int) -> ClaimedLog | None:
    """Lock the log's row until the transaction ends. None where somebody else has it, or it has moved on."""
    parameters = {"store_id": store_id, "log_id": log_id, "attempt": attempt}
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
    """Note why an attempt failed that will be repeated; the dispatcher enqueues it when it is due."""
    return conn.execute(SQL["mark_retrying"], _verdict(store_id, log_id, attempt, code, message)).rowcount == 1


def mark_failed(conn: Connection, store_id: UUID, log_id: UUID, attempt: int, code: str, message: str) -> bool:
    """End a log that can't succeed. Its payload stays, for a retry."""
    return conn.execute(SQL["mark_failed"], _verdict(store_id, log_id, attempt, code, message)).rowcount == 1


def admit_next(conn: Connection, store_id: UUID, window: int) -> list[Ticket]:
    """Let a store's oldest waiting logs into its window. Enqueue them after the commit."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["admit_next"], {"store_id": store_id, "window": window}).fetchall()


def retry_log(conn: Connection, store_id: UUID, log_id: UUID) -> Ticket | None:
    """Run a failed log again. None where it is not failed or its payload is gone."""
    with conn.cursor(row_factory=class_row(Ticket)) as cursor:
        return cursor.execute(SQL["retry_log"], {"store_id": store_id, "log_id": log_id}).fetchone()


def cancel_log(conn: Connection, store_id: UUID, log_id: UUID) -> bool:
    return conn.execute(SQL["cancel_log"], {"store_id": store_id, "log_id": log_id}).rowcount == 1


def get_log(conn: Connection, store_id: UUID, log_id: UUID) -> LogView | None:
    with conn.cursor(row_factory=class_row(LogView)) as cursor:
        return cursor.execute(SQL["get_log"], {"store_id": store_id, "log_id": log_id}).fetchone()


def list_logs(conn: Connection, store_id: UUID, wanted: LogFilter, most: int) -> list[LogView]:
    """At most `most` logs, newest first."""
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
