"""Jobs, record errors and figures as the API answers them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET

from db.catalogue.entity_stats import EntityStats
from db.pulls.runs import Progress
from db.sync.logs import LogView
from db.sync.metadata import Metadata
from db.sync.record_errors import RecordError
from schemas.answers import jobs as answers
from schemas.answers.fields import utc


def moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def job_answer(log: LogView, progress: Progress | None = None) -> answers.Job:
    is_pull = progress is not None
    return answers.Job(
        sync_log_id=log.id,
        job_id=log.id,
        entity=log.entity,
        source=log.source,
        sync_mode=log.mode,
        status=log.status,
        phase=log.phase,
        received_count=log.received,
        processed_count=log.records_synced + log.records_skipped,
        synced_count=log.records_synced,
        skipped_count=log.records_skipped,
        counts=answers.Counts(log.inserted, log.updated, log.unchanged, log.stale, log.invalid, log.existing),
        attempts=log.attempts,
        next_attempt_at=utc(log.next_attempt_at) if log.phase == "retrying" else None,
        accepted_at=utc(log.accepted_at),
        started_at=utc(log.started_at),
        finished_at=utc(log.finished_at),
        error=answers.JobError(log.error_code, log.error_message) if log.error_code else None,
        request_id=log.request_id,
        job_type=log.entity if is_pull else UNSET,
        options=progress.options if progress else UNSET,
        progress=_progress(log, progress) if progress else UNSET,
    )


def _progress(log: LogView, progress: Progress) -> answers.Progress:
    rate = progress.fetched / progress.work_seconds if progress.work_seconds > 0 else None
    left = max(progress.total - log.received, 0) if progress.total is not None else None
    is_open = log.status in ("running", "paused")
    return answers.Progress(
        pages=progress.pages,
        records=log.received,
        total=progress.total if progress.total is not None else (None if is_open else log.received),
        records_per_second=round(rate, 1) if rate is not None else None,
        eta_seconds=round(left / rate) if is_open and rate and left is not None else None,
        watermark=utc(progress.watermark),
    )


def record_error_answer(error: RecordError) -> answers.RecordError:
    return answers.RecordError(error.record_index, error.external_id, error.field, error.code, error.reason)


def unlisted_answer(unlisted: int) -> answers.UnlistedErrors:
    reason = f"and {unlisted:,} more that are not listed"
    return answers.UnlistedErrors(None, None, "*", "more_problems", reason)


def status_answer(stats: EntityStats | None, metadata: Metadata | None) -> answers.EntityStatus:
    """One entity of the status. `metadata` is there for an entity that is pulled."""
    return answers.EntityStatus(
        count=stats.record_count if stats else 0,
        last_synced=utc(stats.last_sync_time) if stats else None,
        metadata=_pulled(metadata) if metadata else _posted(stats) if stats else None,
    )


def _posted(stats: EntityStats) -> answers.Metadata:
    return answers.Metadata(
        last_sync_time=utc(stats.last_sync_time),
        last_record_time=utc(stats.last_record_time),
        records_synced=stats.records_synced,
        is_full_sync=stats.is_full_sync,
    )


def _pulled(metadata: Metadata) -> answers.Metadata:
    lateness, worst = metadata.lateness, metadata.worst_lateness
    return answers.Metadata(
        last_sync_time=utc(metadata.last_sync_time),
        last_record_time=utc(metadata.last_record_time),
        records_synced=metadata.records_synced,
        is_full_sync=metadata.is_full_sync,
        overlap_seconds=int(metadata.overlap.total_seconds()),
        lateness_seconds=int(lateness.total_seconds()) if lateness else 0,
        worst_lateness_seconds=int(worst.total_seconds()) if worst else 0,
    )


def answer_tag(answer: msgspec.Struct) -> str:
    """The value of a weak ETag: it changes with everything the answer says, a pull's progress included."""
    return hashlib.sha256(msgspec.json.encode(answer)).hexdigest()[:20]
