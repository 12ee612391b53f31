"""Accepts a batch: log and payload committed in one transaction, then a wake-up that may fail."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from db.pool import Pool
from db.sync_logs import NewLog, Ticket, count_open_logs, get_log_by_key, insert_empty_log, insert_log
from db.sync_payloads import insert_payload
from db.tenancy import tenant
from schemas.envelope import Batch
from workers.ids import new_id
from workers.queues import WakeUp


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the plugin brought: `key` is its Idempotency-Key, `fingerprint` the SHA-256 of entity and inflated body."""

    store_id: UUID
    entity: str
    batch: Batch
    key: str | None
    fingerprint: bytes
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
    """What tells two batches apart that come with one idempotency key."""
    return hashlib.sha256(entity.encode() + b"\0" + body).digest()


def accept(pool: Pool, wake_up: WakeUp, wanted: Acceptance, limits: Limits) -> Receipt:
    """Make the log durable, then wake a worker. Raises KeyReused, TooManyOpen, and what the pool and psycopg raise.

    Between commit and enqueue lies the crash window: a log that falls into it is stranded, and the dispatcher finds it.
    """
    log = _new_log(wanted)
    with pool.connection() as conn, tenant(conn, wanted.store_id):
        if wanted.batch.received == 0:
            enqueue_no = 0 if insert_empty_log(conn, log) else None
        else:
            if count_open_logs(conn, wanted.store_id, limits.most_open) >= limits.most_open:
                raise TooManyOpen
            enqueue_no = insert_log(conn, log, limits.window)
        if enqueue_no is None:
            return _replay(get_log_by_key(conn, wanted.store_id, wanted.key or ""), wanted)
        if wanted.batch.received:
            insert_payload(conn, wanted.store_id, log.log_id, wanted.batch.body)
    if enqueue_no:
        wake_up.enqueue([Ticket(log.store_id, log.log_id, enqueue_no, log.entity, log.received)])
    return Receipt(log.log_id, replayed=False)


def _new_log(wanted: Acceptance) -> NewLog:
    return NewLog(
        store_id=wanted.store_id,
        log_id=new_id(),
        entity=wanted.entity,
        source="plugin",
        mode=wanted.batch.mode,
        received=wanted.batch.received,
        fingerprint=wanted.fingerprint,
        idempotency_key=wanted.key,
        request_id=wanted.request_id,
    )


def _replay(holder: tuple[UUID, bytes] | None, wanted: Acceptance) -> Receipt:
    if holder is None or holder[1] != wanted.fingerprint:
        raise KeyReused
    return Receipt(holder[0], replayed=True)
