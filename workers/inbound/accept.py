"""Accepts a batch: commits log and payload in one transaction, then sends a wake-up, which may fail."""

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
    """What the plugin sent. `key` is its Idempotency-Key; `fingerprint` identifies the body that came with it."""

    store_id: UUID
    entity: str
    batch: Batch
    key: str | None
    fingerprint: bytes | None
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Limits:
    """At most `most_open` logs of a store may be open; `window` of them wait in Redis at once."""

    most_open: int
    window: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The accepted log. `replayed`: an earlier request with the same key and body created it."""

    log_id: UUID
    replayed: bool


class KeyReused(Exception):
    """The idempotency key belongs to another body."""


class TooManyOpen(Exception):
    """The store has too many open logs; nothing was committed."""


def fingerprint_of(entity: str, body: bytes) -> bytes:
    return hashlib.sha256(entity.encode() + b"\0" + body).digest()


def hash_key(key: str) -> str:
    # Clients put anything in it, even e-mail addresses.
    return hashlib.sha256(key.encode()).hexdigest()


def accept(pool: Pool, wake_up: WakeUp, wanted: Acceptance, limits: Limits) -> Receipt:
    """Commit the log, then wake a worker. Raises KeyReused, TooManyOpen, and what the pool and psycopg raise.

    A crash between commit and enqueue strands the log; the dispatcher finds it.
    """
    log = NewLog(
        store_id=wanted.store_id,
        log_id=new_id(),
        entity=wanted.entity,
        source="plugin",
        mode=wanted.batch.mode,
        received=wanted.batch.received,
        body=pack(wanted.batch.body),
        fingerprint=wanted.fingerprint,
        idempotency_key=None if wanted.key is None else hash_key(wanted.key),
        request_id=wanted.request_id,
    )
    with pool.connection() as conn:
        accepted = accept_log(conn, log, limits.window, limits.most_open)
    if accepted.verdict == "full":
        raise TooManyOpen
    if accepted.verdict == "reused":
        raise KeyReused
    if accepted.enqueue_no:
        wake_up.enqueue([Ticket(log.store_id, log.log_id, accepted.enqueue_no, log.entity, log.received)])
    return Receipt(accepted.log_id, replayed=accepted.verdict == "replayed")
