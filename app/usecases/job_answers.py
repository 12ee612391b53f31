"""How logs, errors and figures look in an answer: the specifications' words, moments in ISO 8601, UTC."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from db.catalogue.entity_stats import EntityStats
from db.sync.logs import LogView
from db.sync.metadata import Metadata
from db.sync.record_errors import RecordError


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


def unlisted_answer(unlisted: int) -> dict[str, Any]:
    """The last line of a download that can't list all problems."""
    reason = f"and {unlisted:,} more that are not listed"
    return {"index": None, "id": None, "field": "*", "code": "more_problems", "reason": reason}


def stats_answer(stats: EntityStats | None, metadata: Metadata | None) -> dict[str, Any]:
    """One entity of the status, in the words of specification 5."""
    return {
        "count": stats.record_count if stats else 0,
        "last_synced": moment(stats.last_sync_time) if stats else None,
        "metadata": metadata_answer(metadata) if metadata else _posted_answer(stats) if stats else None,
    }


def _posted_answer(stats: EntityStats) -> dict[str, Any]:
    """What is known of an entity whose records are posted to us."""
    return {
        "last_sync_time": moment(stats.last_sync_time),
        "last_record_time": moment(stats.last_record_time),
        "records_synced": stats.records_synced,
        "is_full_sync": stats.is_full_sync,
    }


def metadata_answer(metadata: Metadata) -> dict[str, Any]:
    """An entity that is pulled. `last_sync_time` is the watermark: what changed before it has been read."""
    lateness, worst = metadata.lateness, metadata.worst_lateness
    return {
        "last_sync_time": moment(metadata.last_sync_time),
        "last_record_time": moment(metadata.last_record_time),
        "records_synced": metadata.records_synced,
        "is_full_sync": metadata.is_full_sync,
        "overlap_seconds": int(metadata.overlap.total_seconds()),
        "lateness_seconds": int(lateness.total_seconds()) if lateness else 0,
        "worst_lateness_seconds": int(worst.total_seconds()) if worst else 0,
    }


def answer_tag(answer: dict[str, Any]) -> str:
    """The value of a weak ETag: it changes with whatever the answer says, a pull's progress included."""
    return hashlib.sha256(repr(answer).encode()).hexdigest()[:20]
