"""Processes a log: the one transaction in which a batch takes effect.

Steps: 1. count the attempt (in a small transaction); 2. lock the log and read its payload; 3. validate each record; 4. plan
against the stored rows; 5. write rows, links, errors and statistics, mark the log completed, delete the payload; 6. commit;
7. enqueue the store's next logs.
"""

from __future__ import annotations

import enum
import random
import time
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection

from app.settings.logs import get_logger
from db.catalogue.entity_stats import add_to_stats
from db.catalogue.staged_upsert import ConcurrentChange, Versioned
from db.core.errors import is_retryable, safe_facts
from db.core.session import set_asynchronous_commit
from db.core.tenancy import tenant
from db.stores.stores import mark_store_synced
from db.sync.logs import (
    Attempt,
    ClaimedLog,
    Counts,
    Ticket,
    admit_next,
    begin_attempt,
    claim_log,
    mark_completed,
    mark_failed,
    mark_retrying,
)
from db.sync.payloads import delete_payload
from db.sync.record_errors import replace_record_errors
from workers.core.runtime import Runtime
from workers.inbound.apply import apply_batch
from workers.inbound.attempts import retry_delays, verdict_on
from workers.inbound.validate import validate_batch

log = get_logger(__name__)
REPLANS = 10  # each means that another commit went through, so this ends


class Outcome(enum.Enum):
    """The result of one attempt."""

    COMPLETED = "completed"
    NOT_NOW = "not_now"  # not due, already ended, or another worker has it
    RETRYING = "retrying"
    FAILED = "failed"


def process(runtime: Runtime, store_id: UUID, log_id: UUID) -> Outcome:
    """Make one attempt at a log. Every failure is recorded in the log; RQ decides nothing.

    Raises psycopg.Error only if the attempt could not be counted.
    """
    attempt = _begin(runtime, store_id, log_id)
    if attempt is None:
        return Outcome.NOT_NOW
    with structlog.contextvars.bound_contextvars(
        store_id=str(store_id), log_id=str(log_id), attempt=attempt.number, request_id=attempt.request_id
    ):
        return _attempt(runtime, store_id, log_id, attempt)


def _begin(runtime: Runtime, store_id: UUID, log_id: UUID) -> Attempt | None:
    most = runtime.settings.max_attempts
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        # Saves a disk flush per batch. If a crash loses the commit, one attempt is not counted.
        set_asynchronous_commit(conn)
        return begin_attempt(conn, store_id, log_id, most, retry_delays(most, random.random))


def _attempt(runtime: Runtime, store_id: UUID, log_id: UUID, attempt: Attempt) -> Outcome:
    started = time.monotonic()
    try:
        done = _apply(runtime, store_id, log_id, attempt.number)
    except Exception as error:
        with structlog.contextvars.bound_contextvars(seconds=round(time.monotonic() - started, 4)):
            return _record_failure(runtime, store_id, log_id, attempt.number, error)
    if done is None:
        return Outcome.NOT_NOW
    counts, next_tickets = done
    runtime.wake_up.enqueue(next_tickets)
    log.info(
        "batch_completed",
        inserted=counts.inserted,
        updated=counts.updated,
        unchanged=counts.unchanged,
        stale=counts.stale,
        invalid=counts.invalid,
        existing=counts.existing,
        seconds=round(time.monotonic() - started, 4),
    )
    return Outcome.COMPLETED


def _apply(runtime: Runtime, store_id: UUID, log_id: UUID, attempt: int) -> tuple[Counts, list[Ticket]] | None:
    for _ in range(REPLANS):
        try:
            with runtime.pool.connection() as conn, tenant(conn, store_id):
                return _apply_in_transaction(conn, runtime, store_id, log_id, attempt)
        except ConcurrentChange:
            log.info("batch_replanned")  # rows changed since the plan was made
    raise psycopg.errors.SerializationFailure


def _apply_in_transaction(
    conn: Connection, runtime: Runtime, store_id: UUID, log_id: UUID, attempt: int
) -> tuple[Counts, list[Ticket]] | None:
    claimed = claim_log(conn, store_id, log_id, attempt)
    if claimed is None:
        return None
    batch = validate_batch(claimed)
    applied = apply_batch(conn, store_id, claimed.claim, batch.valid)
    counts = applied.counts_with(batch.refused)
    replace_record_errors(conn, store_id, log_id, batch.errors + applied.errors, batch.unlisted)
    _finish(conn, store_id, claimed, counts, batch.valid)
    return counts, admit_next(conn, store_id, runtime.settings.queue_window)


def _finish(
    conn: Connection, store_id: UUID, claimed: ClaimedLog, counts: Counts, valid: list[Versioned[object]]
) -> None:
    newest = max((record.source_updated_at for record in valid), default=None)
    delete_payload(conn, store_id, claimed.id)
    if not mark_completed(conn, store_id, claimed.id, counts):
        raise RuntimeError("a locked running log can't have moved on")
    add_to_stats(conn, store_id, claimed.entity, counts.inserted, counts.synced, newest)
    mark_store_synced(conn, store_id)


def _record_failure(runtime: Runtime, store_id: UUID, log_id: UUID, attempt: int, error: Exception) -> Outcome:
    verdict = verdict_on(error)
    log.warning("attempt_failed", code=verdict.code, retry=verdict.retry, exc_info=error, **safe_facts(error))
    # Both check status and attempt: if only the answer of the commit was lost, the log stays completed.
    mark = mark_retrying if verdict.retry else mark_failed
    try:
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            mark(conn, store_id, log_id, attempt, verdict.code, verdict.message)
    except Exception as second:
        if not is_retryable(second):
            raise
        # The log stays running, becomes due, and the dispatcher finds it.
        log.warning("verdict_not_written", **safe_facts(second))
    return Outcome.RETRYING if verdict.retry else Outcome.FAILED
