"""Answers about batches and pulls: receipts, jobs, record errors."""

from __future__ import annotations

from marshmallow import fields

from schemas.answers.fields import AnswerSchema, count, free, one, rate, several, text, truth, uuid, when, word
from schemas.base.error_codes import REASONS
from schemas.requests.lists import ALL_MODES, SOURCES, STATUSES
from schemas.requests.pulls import JOB_TYPES

ENTITY_NAMES = ("orders", "products", "customers", "categories")


class ReceiptSchema(AnswerSchema):
    """A batch that is kept: it will end, whatever happens."""

    syncLogId = uuid("the sync log")
    jobId = uuid("the same id: what is polled")
    status = word("running")
    receivedCount = count("records of the batch")
    statusUrl = text("where to poll")
    pollAfterSeconds = count("how long to wait before that")


class ResultSchema(AnswerSchema):
    """A batch that has completed."""

    syncedCount = count("records that are stored as sent, or newer")
    skippedCount = count("records that were not applied")
    syncLogId = uuid()


class StartedSchema(AnswerSchema):
    """A run that has its place."""

    syncLogId = uuid()
    jobId = uuid("the same id: what is polled")
    status = word("running")
    syncMode = word(*ALL_MODES)
    statusUrl = text("where to poll")
    pollAfterSeconds = count()
    jobType = fields.String(metadata={"description": "the entity, where the call does not name it"})
    sync_type = fields.String(metadata={"description": "TikTok Shop: entity and mode"})


class CountsSchema(AnswerSchema):
    """inserted + updated + unchanged + stale are synced; invalid + existing are skipped."""

    inserted = count()
    updated = count()
    unchanged = count("sent again as they are stored")
    stale = count("older than what is stored")
    invalid = count("skipped with a reason")
    existing = count("skipped by syncMode populate")


class JobErrorSchema(AnswerSchema):
    """Why a job failed, or what its last attempt met."""

    code = text()
    message = text(nullable=True)


class ProgressSchema(AnswerSchema):
    """How far a pull is."""

    pages = count()
    records = count()
    total = count("null where the platform does not tell", nullable=True)
    recordsPerSecond = rate(nullable=True)
    etaSeconds = count(nullable=True)
    watermark = when("what the run will move the watermark to", nullable=True)


class JobSchema(AnswerSchema):
    """A sync log: a batch, or a run of a pull. receivedCount = syncedCount + skippedCount before it completes."""

    syncLogId = uuid()
    jobId = uuid()
    entity = word(*ENTITY_NAMES)
    source = word(*SOURCES)
    syncMode = word(*ALL_MODES)
    status = word(*STATUSES)
    phase = word("queued", "processing", "retrying", about="while running", nullable=True)
    receivedCount = count()
    processedCount = count()
    syncedCount = count()
    skippedCount = count()
    counts = one(CountsSchema)
    attempts = count()
    nextAttemptAt = when("while retrying", nullable=True)
    acceptedAt = when()
    startedAt = when(nullable=True)
    finishedAt = when(nullable=True)
    error = one(JobErrorSchema, nullable=True)
    requestId = text("the X-Request-Id of the call that made it", nullable=True)
    jobType = fields.String(metadata={"description": "of a pull: the entity"})
    options = fields.Dict(metadata={"description": "of a pull: what was asked"})
    progress = fields.Nested(ProgressSchema, metadata={"description": "of a pull"})


class ListedJobSchema(JobSchema):
    """A job in a list."""

    statusUrl = text()


class JobsSchema(AnswerSchema):
    """A page of jobs."""

    jobs = several(ListedJobSchema)
    nextCursor = text("for the next page; null on the last", nullable=True)


class PullsSchema(AnswerSchema):
    """A page of runs."""

    jobs = several(JobSchema)
    nextCursor = text("for the next page; null on the last", nullable=True)


class RecordErrorSchema(AnswerSchema):
    """One thing wrong with one record."""

    index = count("the record's place in the batch, from 0")
    id = text("its id on the platform", nullable=True)
    field = text("a path of names and places; * for the record as a whole")
    code = word(*REASONS)
    reason = text()


class JobWithErrorsSchema(ListedJobSchema):
    """A job with the first of its record errors."""

    errors = several(RecordErrorSchema, "at most 10")
    errorsUrl = text("where all of them are")


class RecordErrorsSchema(AnswerSchema):
    """A page of record errors."""

    errors = several(RecordErrorSchema)
    nextCursor = text(nullable=True)


class ScheduleAnswerSchema(AnswerSchema):
    """When an entity is pulled."""

    entity = word(*JOB_TYPES)
    syncMode = word("incremental", "update", "populate", "full")
    staleAfterMins = count(nullable=True)
    cron = text("in UTC", nullable=True)
    everySeconds = count(nullable=True)
    nextRunAt = when()
    lastRunAt = when(nullable=True)
    lastJobId = uuid(nullable=True)


class SchedulesSchema(AnswerSchema):
    """All schedules of the store."""

    schedules = several(ScheduleAnswerSchema)


class DeletedScheduleSchema(AnswerSchema):
    """A schedule that is no more."""

    entity = word(*JOB_TYPES)
    deleted = truth()


class MetadataSchema(AnswerSchema):
    """How fresh an entity is, in the words of specification 5; the overlap is that of a pull."""

    last_sync_time = when("of a pull: the watermark", nullable=True)
    last_record_time = when(nullable=True)
    records_synced = count()
    is_full_sync = truth()
    overlap_seconds = fields.Integer(metadata={"description": "what each run reads again"})
    lateness_seconds = fields.Integer(metadata={"description": "how late records came, lately"})
    worst_lateness_seconds = fields.Integer()


class EntityStatusSchema(AnswerSchema):
    """One entity of a store."""

    count = count("records stored")
    last_synced = when(nullable=True)
    metadata = one(MetadataSchema, nullable=True)


class StatusSchema(AnswerSchema):
    """All entities of a store."""

    orders = one(EntityStatusSchema)
    products = one(EntityStatusSchema)
    customers = one(EntityStatusSchema)
    categories = one(EntityStatusSchema)


class TiktokStatusSchema(AnswerSchema):
    """What is pulled from TikTok Shop."""

    orders = one(EntityStatusSchema)
    products = one(EntityStatusSchema)


PartSchema = AnswerSchema.from_dict(
    {"from": when("null: from the begin", nullable=True), "to": when()}, name="PartSchema"
)
WindowSchema = AnswerSchema.from_dict(
    {
        "from": when("null: from the begin", nullable=True),
        "to": when(),
        "mode": word(*ALL_MODES),
        "jobId": uuid(nullable=True),
        "complete": truth(),
        "recordedAt": when(),
    },
    name="WindowSchema",
)


class CoverageSchema(AnswerSchema):
    """Which changes have been read."""

    entity = word(*JOB_TYPES)
    covered = several(PartSchema)
    holes = several(PartSchema)
    coveredUntil = when(nullable=True)
    windows = several(WindowSchema, "the newest 100 entries of the ledger")


class ExplanationSchema(AnswerSchema):
    """One verdict about one record."""

    entity = word(*JOB_TYPES)
    id = text()
    verdict = word("stored", "stale", "skipped", "not_reachable", "outside_coverage", "never_seen")
    message = text()
    evidence = free("what the verdict rests on")
