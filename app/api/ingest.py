"""POST /api/sync/{orders,products,customers,categories}: a batch in, a receipt out (specifications 1 and 2)."""

from __future__ import annotations

import re

import structlog
from flask import Blueprint, Response, g, jsonify, request

from app.http.auth import current_store_id, requires
from app.http.body import batch_limits, parse_json_body
from app.http.errors import ApiError
from app.http.prefer import look, wait_for_end, wanted_wait
from app.http.quota import refuse_full_store
from app.http.services import Services, services
from app.metrics.requests import note_records
from db.sync.logs import LogView
from schemas.plugin.entities import ENTITIES
from schemas.plugin.envelope import Batch, EnvelopeError, read_batch
from workers.inbound.accept import Acceptance, KeyReused, Limits, Receipt, TooManyOpen, accept, fingerprint_of

blueprint = Blueprint("ingest", __name__)

POLL_AFTER_SECONDS = 1
OPEN_LOGS_RETRY_SECONDS = 10
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@blueprint.post("/api/sync/<any(orders,products,customers,categories):entity>")
@requires("ingest")
def post_batch(entity: str) -> tuple[Response, int, dict[str, str]] | Response:
    """Accept a batch: durable before the answer, processed after it."""
    at_hand = services()
    refuse_full_store()
    key = _idempotency_key()
    limits = batch_limits(at_hand.settings, at_hand.settings.max_batch_records)
    batch, fingerprint = parse_json_body(request, limits, lambda body: _read(at_hand, entity, body, key))
    receipt = _accept(at_hand, Acceptance(current_store_id(), entity, batch, key, fingerprint, g.request_id))
    structlog.contextvars.bind_contextvars(log_id=str(receipt.log_id), records=batch.received)
    if not receipt.replayed:
        note_records(entity, batch.received)
    return _answer(receipt, batch, _ended(receipt, batch))


def _ended(receipt: Receipt, batch: Batch) -> LogView | None:
    """The log if it has ended as the client hoped: an empty one has, another is waited for where that was asked."""
    if batch.received == 0:
        return look(current_store_id(), receipt.log_id)
    seconds = wanted_wait(request)
    return wait_for_end(current_store_id(), receipt.log_id, seconds) if seconds else None


def _idempotency_key() -> str | None:
    """The key, quoted (a structured field) or not."""
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise ApiError("VALIDATION_ERROR", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return key


def _read(at_hand: Services, entity: str, body: bytes, key: str | None) -> tuple[Batch, bytes | None]:
    """The batch, and with an idempotency key what tells it from another."""
    try:
        batch = read_batch(ENTITIES[entity], body, at_hand.settings.max_batch_records, at_hand.hash_email)
    except EnvelopeError as error:
        raise ApiError(error.code, error.message) from None
    return batch, fingerprint_of(entity, body) if key else None


def _accept(at_hand: Services, wanted: Acceptance) -> Receipt:
    limits = Limits(at_hand.settings.max_open_logs_per_store, at_hand.settings.queue_window)
    try:
        return accept(at_hand.pool, at_hand.wake_up, wanted, limits)
    except KeyReused:
        raise ApiError("IDEMPOTENCY_KEY_REUSED") from None
    except TooManyOpen:
        message = f"{limits.most_open} batches of this store wait to be processed"
        raise ApiError("RATE_LIMITED", message, {"Retry-After": str(OPEN_LOGS_RETRY_SECONDS)}) from None


def _answer(receipt: Receipt, batch: Batch, ended: LogView | None) -> tuple[Response, int, dict[str, str]] | Response:
    headers = {"Idempotent-Replayed": "true"} if receipt.replayed else {}
    if ended is None:
        return _accepted(receipt, batch, headers)
    if batch.received:
        headers["Preference-Applied"] = f"wait={wanted_wait(request):g}"
    if ended.status != "completed":
        raise ApiError(
            "SYNC_FAILED",
            ended.error_message or "the batch was cancelled",
            headers,
            {"syncLogId": str(ended.id), "status": ended.status},
        )
    data = {"syncedCount": ended.records_synced, "skippedCount": ended.records_skipped, "syncLogId": str(ended.id)}
    return jsonify({"success": True, "data": data}), 200, headers


def _accepted(receipt: Receipt, batch: Batch, headers: dict[str, str]) -> tuple[Response, int, dict[str, str]]:
    log_id = str(receipt.log_id)
    status_url = f"/api/sync/jobs/{log_id}"
    data = {
        "syncLogId": log_id,
        "jobId": log_id,
        "status": "running",
        "receivedCount": batch.received,
        "statusUrl": status_url,
        "pollAfterSeconds": POLL_AFTER_SECONDS,
    }
    headers = {**headers, "Location": status_url, "Retry-After": str(POLL_AFTER_SECONDS)}
    return jsonify({"success": True, "data": data}), 202, headers
