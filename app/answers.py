"""How logs, errors and figures look in an answer: the specifications' words, moments in ISO 8601, UTC."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from db.entity_stats import EntityStats
from db.sync_logs import LogView
from db.sync_record_errors import RecordError


def moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def log_answer(log: LogView) -> dict[str, Any]:
    """One log. `processedCount` of `receivedCount` is its progress: a batch takes effect all at once."""
    return {
        "syncLogId": str(log.id),
        "jobId": str(log.id),
        "entity": log.entity,
        "source": log.source,
        "syncMode": log.mode,
        "status": log.status,
        "phase": log.phase,
        "receivedCount": log.received,
        "processedCount": log.records_synced + log.records_skipped,
        "syncedCount": log.records_synced,
        "skippedCount": log.records_skipped,
        "counts": {
            "inserted": log.inserted,
            "updated": log.updated,
            "unchanged": log.unchanged,
            "stale": log.stale,
            "invalid": log.invalid,
            "existing": log.existing,
        },
        "attempts": log.attempts,
        "nextAttemptAt": moment(log.next_attempt_at) if log.phase == "retrying" else None,
        "acceptedAt": moment(log.accepted_at),
        "startedAt": moment(log.started_at),
        "finishedAt": moment(log.finished_at),
        "error": {"code": log.error_code, "message": log.error_message} if log.error_code else None,
        "requestId": log.request_id,
    }


def record_error_answer(error: RecordError) -> dict[str, Any]:
    return {
        "index": error.record_index,
        "id": error.external_id,
        "field": error.field,
        "code": error.code,
        "reason": error.reason,
    }


def stats_answer(stats: EntityStats | None) -> dict[str, Any]:
    """One entity of the status, in the words of specification 5."""
    if stats is None:
        return {"count": 0, "last_synced": None, "metadata": None}
    return {
        "count": stats.record_count,
        "last_synced": moment(stats.last_sync_time),
        "metadata": {
            "last_sync_time": moment(stats.last_sync_time),
            "last_record_time": moment(stats.last_record_time),
            "records_synced": stats.records_synced,
            "is_full_sync": stats.is_full_sync,
        },
    }


def log_tag(log: LogView) -> str:
    """Changes with whatever of a log changes; the value of a weak ETag."""
    facts = (log.id, log.status, log.phase, log.attempts, log.records_synced, log.error_code, log.finished_at)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:20]
