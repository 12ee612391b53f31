"""Answers about pulls: a start, schedules, coverage, and what became of one record."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, UnsetType, field

from schemas.answers.fields import AnswerData, Count, Moment, about, one_of
from schemas.answers.jobs import EntityStatus, JobId, Mode, Running, StatusUrl
from schemas.requests.modes import SCHEDULED_MODES
from schemas.requests.pulls import PULLED

PulledEntity = Annotated[str, one_of(*PULLED)]


class Started(AnswerData, kw_only=True):
    """A run that has its place."""

    sync_log_id: JobId
    job_id: Annotated[JobId, about("the same id: what is polled")]
    status: Running
    sync_mode: Annotated[Mode, about(example="incremental")]
    status_url: Annotated[StatusUrl, about("where to poll")]
    poll_after_seconds: Annotated[Count, about(example=2)]
    job_type: Annotated[str | UnsetType, about("the entity, where the call does not name it", example="orders")] = UNSET
    sync_type: Annotated[str | UnsetType, about("TikTok Shop: entity and mode", example="orders_incremental")] = field(
        name="sync_type", default=UNSET
    )


class ScheduleAnswer(AnswerData):
    """When an entity is pulled."""

    entity: PulledEntity
    sync_mode: Annotated[str, one_of(*SCHEDULED_MODES)]
    stale_after_mins: Annotated[Count | None, about(example=None)]
    cron: Annotated[str | None, about("in UTC", example="*/15 * * * *")]
    every_seconds: Annotated[Count | None, about(example=None)]
    next_run_at: Moment
    last_run_at: Annotated[Moment | None, about(example=None)]
    last_job_id: Annotated[UUID | None, about(example=None)]


class Schedules(AnswerData):
    """All schedules of the store."""

    schedules: list[ScheduleAnswer]


class DeletedSchedule(AnswerData):
    """A schedule that was removed."""

    entity: PulledEntity
    deleted: Annotated[bool, about(example=True)]


class TiktokStatus(AnswerData):
    """What is pulled from TikTok Shop."""

    orders: EntityStatus
    products: EntityStatus
    refunds: EntityStatus
    variations: EntityStatus


class Part(AnswerData):
    """A range of time."""

    from_: Annotated[Moment | None, about("null: from the beginning", example=None)] = field(name="from")
    to: Moment


class Window(AnswerData):
    """An entry of the ledger: what one run has read."""

    from_: Annotated[Moment | None, about("null: from the beginning", example=None)] = field(name="from")
    to: Moment
    mode: Annotated[Mode, about(example="full")]
    job_id: JobId | None
    complete: Annotated[bool, about(example=True)]
    recorded_at: Moment


class Coverage(AnswerData):
    """Which changes have been read."""

    entity: PulledEntity
    covered: list[Part]
    holes: Annotated[list[Part], about(example=[])]
    covered_until: Moment | None
    windows: Annotated[list[Window], about("the newest 100 entries of the ledger")]


class Explanation(AnswerData):
    """One verdict about one record."""

    entity: PulledEntity
    id: Annotated[str, about(example="1001")]
    verdict: Annotated[str, one_of("stored", "stale", "skipped", "not_reachable", "outside_coverage", "never_seen")]
    message: Annotated[str, about(example="The record is stored.")]
    evidence: Annotated[
        dict[str, Any],
        about(
            "what the verdict rests on",
            example={"version": "2026-01-15T12:00:00Z", "storedAt": "2026-01-15T12:00:01Z"},
        ),
    ]
