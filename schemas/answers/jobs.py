"""Answers about batches and jobs: receipts, progress, record errors, and how fresh each entity is."""

from __future__ import annotations

from typing import Annotated, Any, cast
from uuid import UUID

from msgspec import UNSET, UnsetType, defstruct

from schemas.answers.fields import AnswerData, Count, Moment, Rate, about, one_of
from schemas.base.error_codes import REASONS
from schemas.plugin.entities import ENTITIES
from schemas.requests.lists import ALL_MODES, SOURCES, STATUSES

EXAMPLE_JOB = "01a1fc05-3a02-7202-b70c-5ff2ed410956"
Entity = Annotated[str, one_of(*ENTITIES)]
Mode = Annotated[str, one_of(*ALL_MODES)]
JobId = Annotated[UUID, about(example=EXAMPLE_JOB)]
Code = Annotated[str, one_of(*REASONS)]
StatusUrl = Annotated[str, about(example=f"/api/sync/jobs/{EXAMPLE_JOB}")]
Running = Annotated[str, one_of("running")]
NextCursor = Annotated[str | None, about("for the next page; null on the last", example="1041")]


class Receipt(AnswerData):
    """A batch that is kept: it will end, whatever happens."""

    sync_log_id: Annotated[JobId, about("the sync log")]
    job_id: Annotated[JobId, about("the same id: what is polled")]
    status: Running
    received_count: Annotated[Count, about("records of the batch")]
    status_url: Annotated[StatusUrl, about("where to poll")]
    poll_after_seconds: Annotated[Count, about("how long to wait before that")]


class Result(AnswerData):
    """A batch that has completed."""

    synced_count: Annotated[Count, about("records that are stored as sent, or newer")]
    skipped_count: Annotated[Count, about("records that were not applied", example=0)]
    sync_log_id: JobId


class Counts(AnswerData):
    """inserted + updated + unchanged + stale are synced; invalid + existing are skipped."""

    inserted: Count
    updated: Annotated[Count, about(example=0)]
    unchanged: Annotated[Count, about("sent again as they are stored", example=0)]
    stale: Annotated[Count, about("older than what is stored", example=0)]
    invalid: Annotated[Count, about("skipped with a reason")]
    existing: Annotated[Count, about("skipped by syncMode populate", example=0)]


class JobError(AnswerData):
    """Why a job failed, or why its last attempt did."""

    code: Annotated[str, about(example="PLATFORM_TIMED_OUT")]
    message: Annotated[str | None, about(example="the shop did not answer in time")]


class Progress(AnswerData):
    """How far a pull has come."""

    pages: Count
    records: Annotated[Count, about(example=2)]
    total: Annotated[Count | None, about("null where the platform does not tell", example=2)]
    records_per_second: Annotated[Rate | None, about(example=210.5)]
    eta_seconds: Annotated[Count | None, about(example=None)]
    watermark: Annotated[Moment | None, about("what the run will move the watermark to")]


class Job(AnswerData, kw_only=True):
    """A sync log: a batch, or a run of a pull. receivedCount = syncedCount + skippedCount once it has completed."""

    sync_log_id: JobId
    job_id: JobId
    entity: Entity
    source: Annotated[str, one_of(*SOURCES)]
    sync_mode: Mode
    status: Annotated[str, one_of(*STATUSES), about(example="completed")]
    phase: Annotated[
        Annotated[str, one_of("queued", "processing", "retrying")] | None, about("while running", example=None)
    ]
    received_count: Annotated[Count, about(example=2)]
    processed_count: Annotated[Count, about(example=2)]
    synced_count: Count
    skipped_count: Count
    counts: Counts
    attempts: Count
    next_attempt_at: Annotated[Moment | None, about("while retrying", example=None)]
    accepted_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    error: Annotated[JobError | None, about(example=None)]
    request_id: Annotated[
        str | None, about("the X-Request-Id of the call that made it", example="8d9f5b0c6f5f4d0e9d2b7c1a3e4f5a6b")
    ]
    job_type: Annotated[str | UnsetType, about("of a pull: the entity", example="orders")] = UNSET
    options: Annotated[dict[str, Any] | UnsetType, about("of a pull: what was asked", example={"days": 30})] = UNSET
    progress: Annotated[Progress | UnsetType, about("of a pull")] = UNSET


class ListedJob(Job, kw_only=True):
    """A job in a list."""

    status_url: StatusUrl


class Jobs(AnswerData):
    """A page of jobs."""

    jobs: list[ListedJob]
    next_cursor: NextCursor


class Pulls(AnswerData):
    """A page of runs."""

    jobs: list[Job]
    next_cursor: NextCursor


ErrorsNotListed = Annotated[
    Count,
    about(
        "problems that were only counted: a job lists 5,000, and a record behind those counts one at least", example=0
    ),
]


class RecordError(AnswerData):
    """One thing wrong with one record."""

    index: Annotated[Count, about("the record's place in the batch, from 0")]
    id: Annotated[str | None, about("its id on the platform", example="1002")]
    field: Annotated[str, about("a path of names and places; * for the record as a whole", example="total")]
    code: Code
    reason: Annotated[str, about(example=REASONS["required"])]


class UnlistedErrors(AnswerData):
    """The last line of a download that can't list all problems."""

    index: None
    id: None
    field: str
    code: str
    reason: str


class JobWithErrors(ListedJob, kw_only=True):
    """A job with the first of its record errors."""

    errors: Annotated[list[RecordError], about("at most 10")]
    errors_not_listed: ErrorsNotListed
    errors_url: Annotated[str, about("where all of them are", example=f"/api/sync/jobs/{EXAMPLE_JOB}/errors")]


class RecordErrors(AnswerData):
    """A page of record errors."""

    errors: list[RecordError]
    errors_not_listed: ErrorsNotListed
    next_cursor: Annotated[str | None, about(example="1.total")]


class Metadata(AnswerData, rename=None, kw_only=True):
    """How fresh an entity is, in the words of specification 5; the overlap is that of a pull."""

    last_sync_time: Annotated[Moment | None, about("of a pull: the watermark")]
    last_record_time: Moment | None
    records_synced: Annotated[Count, about(example=2000)]
    is_full_sync: bool
    overlap_seconds: Annotated[int | UnsetType, about("what each run reads again")] = UNSET
    lateness_seconds: Annotated[int | UnsetType, about("how late records came, lately")] = UNSET
    worst_lateness_seconds: int | UnsetType = UNSET


class EntityStatus(AnswerData, rename=None):
    """One entity of a store."""

    count: Annotated[Count, about("records stored", example=2000)]
    last_synced: Moment | None
    metadata: Metadata | None


# With a field for each entity, so that the contract lists them.
Status = cast(
    type[AnswerData],
    defstruct(
        "Status",
        [(entity, EntityStatus) for entity in ENTITIES],
        bases=(AnswerData,),
        namespace={"__doc__": "All entities of a store."},
        module=__name__,
    ),
)
