"""Accepts a batch: log and payload committed in one transaction, then a wake-up that may fail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from db.core.pool import Pool
from db.sync.logs import NewLog, Ticket, accept_log
from schemas.plugin.envelope import Batch
from workers.core.ids import new_id
from workers.core.queues import WakeUp
from workers.inbound.payload import pack


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the plugin brought: `key` is its Idempotency-Key, `fingerprint` goes with it."""

    store_id: UUID
    entity: str
    batch: Batch
    key: str | None
    fingerprint: bytes | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """`most_open` logs of a store may be open; `window` of them wait in Redis at once."""

    most_open: int
    window: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The accepted log. `replayed`: an earlier request with the same key and body had made it."""

    log_id: UUID
    replayed: bool


class KeyReused(Exception):
    """The idempotency key belongs to a batch with another body."""


class TooManyOpen(Exception):
    """The store has as many unfinished logs as it may have; nothing was committed."""


def fingerprint_of(entity: str, body: bytes) -> bytes:
    """What tells two batches apart that come with one idempotency key: SHA-256 of entity and inflated body."""
    return hashlib.sha256(entity.encode() + b"\0" + body).digest()


def accept(pool: Pool, wake_up: WakeUp, wanted: Acceptance, limits: Limits) -> Receipt:
    """Make the log durable, then wake a worker. Raises KeyReused, TooManyOpen, and what the pool and psycopg raise.

    Between commit and enqueue lies the crash window: a log that falls into it is stranded, and the dispatcher finds it.
    """
    log = _new_log(wanted)
    with pool.connection() as conn:
        accepted = accept_log(conn, log, limits.window, limits.most_open)
    if accepted.verdict == "full":
        raise TooManyOpen
    if accepted.verdict == "reused":
        raise KeyReused
    if accepted.enqueue_no:
        wake_up.enqueue([Ticket(log.store_id, log.log_id, accepted.enqueue_no, log.entity, log.received)])
    return Receipt(accepted.log_id, replayed=accepted.verdict == "replayed")


def _new_log(wanted: Acceptance) -> NewLog:
    return NewLog(
        store_id=wanted.store_id,
        log_id=new_id(),
        entity=wanted.entity,
        source="plugin",
        mode=wanted.batch.mode,
        received=wanted.batch.received,
        body=pack(wanted.batch.body),
        fingerprint=wanted.fingerprint,
        idempotency_key=wanted.key,
        request_id=wanted.request_id,
    )
