"""POST /api/sync/<entity> of the plugin contract: takes a batch and answers a receipt (specifications 1 and 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import structlog
from flask import Blueprint, g, request

from app.http.auth import current_store_id
from app.http.errors import ApiError
from app.http.operation import Answer, Link, Operation, Parse
from app.http.operation import Batch as BatchBody
from app.http.prefer import look, wait_for_end, wanted_wait
from app.http.serve import Reply, operations
from app.http.services import services
from app.metrics.requests import note_records
from db.sync.logs import LogView
from schemas.answers import jobs as answers
from schemas.plugin.entities import ENTITIES, Entity
from schemas.plugin.envelope import Batch, EnvelopeError, read_batch
from workers.inbound.accept import Acceptance, KeyReused, Limits, Receipt, TooManyOpen, accept, fingerprint_of

blueprint = Blueprint("ingest", __name__)

CHOICES = ",".join(ENTITIES)
POLL_AFTER_SECONDS = 1
OPEN_LOGS_RETRY_SECONDS = 10
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
ABOUT = """The batch is committed before the answer, and processed after it: 202 means that it will end `completed` or `failed`,
even if processes restart. Each record is checked on its own: one that does not fit its schema is skipped with a reason, and
the others are applied. A record is the whole state: an optional field that is left out becomes empty. The newer state wins,
whichever batch is processed first. `Content-Encoding: gzip` is welcome."""
ACCEPTED = Answer(
    202,
    "Kept. Poll `statusUrl`.",
    answers.Receipt,
    headers=("Location", "Retry-After"),
    may_have=("Idempotent-Replayed",),
    links=tuple(
        Link(name, {"jobId": "$response.body#/data/jobId"})
        for name in ("getJob", "getJobErrors", "cancelJob", "retryJob")
    ),
)
DONE = Answer(
    200,
    "Completed: an empty batch, or one that ended within the time of `Prefer: wait=N`.",
    answers.Result,
    may_have=("Idempotent-Replayed", "Preference-Applied"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch as it was sent. `fingerprint` tells it from another one with the same `key`."""

    batch: Batch
    key: str | None
    fingerprint: bytes | None


def _parser(entity: str) -> Parse:
    key = _idempotency_key()

    def parse(body: bytes) -> Sent:
        at_hand = services()
        try:
            batch = read_batch(ENTITIES[entity], body, at_hand.settings.max_batch_records, at_hand.hash_email)
        except EnvelopeError as error:
            raise ApiError(error.code, error.message) from None
        return Sent(batch, key, fingerprint_of(entity, body) if key else None)

    return parse


def _idempotency_key() -> str | None:
    """The key, quoted (a structured field) or not."""
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise ApiError("VALIDATION_ERROR", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def _post(entity: Entity) -> Operation:
    return Operation(
        name=f"post{entity.name.capitalize()}",
        method="post",
        path=f"/api/sync/{entity.name}",
        tag="Batches",
        summary=f"Send a batch of {entity.name}",
        about=ABOUT,
        access=("ingest",),
        audit=False,  # the hot path: each batch is a sync log, with its request id
        headers=("Idempotency-Key", "Prefer"),
        body=BatchBody(entity.name, type(entity.schema), entity.example, _parser),
        brings_data=True,
        answers=(ACCEPTED, DONE),
        errors=("IDEMPOTENCY_KEY_REUSED", "SYNC_FAILED"),
    )


@operations(blueprint, f"/api/sync/<any({CHOICES}):entity>", *map(_post, ENTITIES.values()))
def post_batch(entity: str, body: Sent) -> Reply:
    """The batch is durable before the answer, and processed after it."""
    batch, store_id = body.batch, current_store_id()
    receipt = _accept(Acceptance(store_id, entity, batch, body.key, body.fingerprint, g.request_id))
    structlog.contextvars.bind_contextvars(log_id=str(receipt.log_id), records=batch.received)
    if not receipt.replayed:
        note_records(entity, batch.received)
    headers = {"Idempotent-Replayed": "true"} if receipt.replayed else {}
    if batch.received == 0:  # it has ended already, so there is nothing to wait for
        ended = look(store_id, receipt.log_id)
        return _accepted(receipt, batch, headers) if ended is None else _ended(ended, headers)
    seconds = wanted_wait(request)
    ended = wait_for_end(store_id, receipt.log_id, seconds) if seconds else None
    if ended is None:
        return _accepted(receipt, batch, headers)
    return _ended(ended, headers | {"Preference-Applied": f"wait={seconds:g}"})


def _accept(wanted: Acceptance) -> Receipt:
    at_hand = services()
    limits = Limits(at_hand.settings.max_open_logs_per_store, at_hand.settings.queue_window)
    try:
        return accept(at_hand.pool, at_hand.wake_up, wanted, limits)
    except KeyReused:
        raise ApiError("IDEMPOTENCY_KEY_REUSED") from None
    except TooManyOpen:
        message = f"{limits.most_open} batches of this store wait to be processed"
        raise ApiError("RATE_LIMITED", message, {"Retry-After": str(OPEN_LOGS_RETRY_SECONDS)}) from None


def _accepted(receipt: Receipt, batch: Batch, headers: dict[str, str]) -> Reply:
    status_url = f"/api/sync/jobs/{receipt.log_id}"  # not url_for: this is the hot path
    data = answers.Receipt(
        sync_log_id=receipt.log_id,
        job_id=receipt.log_id,
        status="running",
        received_count=batch.received,
        status_url=status_url,
        poll_after_seconds=POLL_AFTER_SECONDS,
    )
    return Reply(data, 202, headers | {"Location": status_url, "Retry-After": str(POLL_AFTER_SECONDS)})


def _ended(log: LogView, headers: dict[str, str]) -> Reply:
    if log.status != "completed":
        facts = {"syncLogId": str(log.id), "status": log.status}
        raise ApiError("SYNC_FAILED", log.error_message or "the batch was cancelled", headers, facts)
    return Reply(answers.Result(log.records_synced, log.records_skipped, log.id), 200, headers)
