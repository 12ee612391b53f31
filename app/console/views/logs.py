"""A sync log as the pages show it: progress, state, and the actions that its state allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET
from psycopg import Connection

from app.console.sessions import current_store
from app.console.views.bars import Segment, percent_of, segments_of
from app.console.views.formatting import ago, duration, number
from app.usecases.pulls import job_answers
from db.sync.logs import LogView
from schemas.answers.jobs import Job, Progress


@dataclass(frozen=True, slots=True)
class LogRow:
    """`percent` is None if the total is unknown. `took` is in seconds, up to now if the sync has not ended."""

    log: LogView
    progress: Progress | None
    options: dict[str, Any]
    percent: float | None
    note: str
    took: float | None
    segments: list[Segment]

    @property
    def is_open(self) -> bool:
        return self.log.status in ("running", "paused")

    @property
    def is_pull(self) -> bool:
        return self.log.source != "plugin"

    @property
    def actions(self) -> list[str]:
        if self.log.status == "running":
            return ["pause", "cancel"] if self.is_pull else ["cancel"]
        return {"paused": ["resume", "cancel"], "failed": ["retry"]}.get(self.log.status, [])


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of the timeline."""

    at: datetime | None
    title: str
    detail: str = ""
    kind: str = "done"


def read_rows(conn: Connection, logs: list[LogView]) -> list[LogRow]:
    return [row_of(log, answer) for log, answer in zip(logs, job_answers(conn, current_store().id, logs), strict=True)]


def row_of(log: LogView, job: Job) -> LogRow:
    now = datetime.now(UTC)
    progress = None if job.progress is UNSET else job.progress
    return LogRow(
        log=log,
        progress=progress,
        options={} if job.options is UNSET else job.options,
        percent=percent_of(log, progress),
        note=_note(log, progress, now),
        took=((log.finished_at or now) - log.started_at).total_seconds() if log.started_at else None,
        segments=segments_of(log),
    )


def _note(log: LogView, progress: Progress | None, now: datetime) -> str:
    if log.status == "paused":
        return "paused until somebody resumes it"
    if log.status != "running":
        return log.error_message or ""
    if log.phase == "retrying":
        why = f": {log.error_message}" if log.error_message else ""
        return f"attempt {log.attempts} failed, the next is due {ago(log.next_attempt_at, now)}{why}"
    if log.phase == "queued":
        return f"has waited for a worker for {ago(log.accepted_at, now).removesuffix(' ago')}"
    return _progress_note(progress) if progress else "applying all records at once"


def _progress_note(progress: Progress) -> str:
    parts = [f"page {number(progress.pages)}", _records(progress)]
    if progress.records_per_second:
        parts.append(f"{number(round(progress.records_per_second))} a second")
    if progress.eta_seconds is not None:
        parts.append(f"about {duration(max(progress.eta_seconds, 10))} left")
    return ", ".join(parts)


def _records(progress: Progress) -> str:
    total = f" of {number(progress.total)}" if progress.total is not None else ""
    return f"{number(progress.records)}{total} records"


def timeline_of(row: LogRow) -> list[Step]:
    """The steps from acceptance to the end, or to the next step."""
    log = row.log
    began = f"request {log.request_id}" if log.request_id else ""
    steps = [Step(log.accepted_at, "Started by a person or schedule" if row.is_pull else "Saved", began)]
    if log.started_at:
        attempts = f"attempt {log.attempts}" if log.attempts > 1 else ""
        steps.append(Step(log.started_at, "Started by a worker", attempts))
    if row.progress and row.progress.pages:
        steps.append(Step(None, f"{number(row.progress.pages)} pages read", _records(row.progress)))
    if log.status == "running":
        next_at = log.next_attempt_at if log.phase == "retrying" else None
        title = {"queued": "Waiting", "retrying": "Waiting to retry"}.get(log.phase or "", "In progress")
        steps.append(Step(next_at, title, row.note, "now"))
    elif log.status == "paused":
        steps.append(Step(None, "Paused", row.note, "now"))
    else:
        steps.append(Step(log.finished_at, log.status.capitalize(), _end(row), log.status))
    return steps


def _end(row: LogRow) -> str:
    if row.log.error_code:
        return f"{row.log.error_code}: {row.log.error_message or ''}"
    return f"after {duration(row.took)}" if row.took is not None else ""
