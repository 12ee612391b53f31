"""Pulls of Shopify and TikTok Shop (specifications 4 and 5), their schedules and their coverage."""

from __future__ import annotations

from typing import Any

from app.openapi.operation import BODY, CALLER, SERVER, Answer, Body, Link, Operation, choice_place, uuid_place
from app.openapi.operations.ingest import LOG
from app.openapi.operations.jobs import JOB, STATUS, TO_JOB
from schemas.answers.jobs import (
    CoverageSchema,
    DeletedScheduleSchema,
    ExplanationSchema,
    JobSchema,
    PullsSchema,
    ScheduleAnswerSchema,
    SchedulesSchema,
    StartedSchema,
    TiktokStatusSchema,
)
from schemas.requests.lists import RowsQuery
from schemas.requests.pulls import (
    JOB_TYPES,
    EntitySchema,
    RecordQuery,
    ScheduleSchema,
    ShopifyStartSchema,
    TiktokFullQuery,
    TiktokQuery,
)

STARTED: dict[str, Any] = {
    "syncLogId": LOG,
    "jobId": LOG,
    "status": "running",
    "syncMode": "populate",
    "statusUrl": f"/api/sync/jobs/{LOG}",
    "pollAfterSeconds": 2,
}
PULL = {
    **JOB,
    "source": "shopify",
    "syncMode": "populate",
    "jobType": "orders",
    "options": {"days": 30},
    "progress": {
        "pages": 1,
        "records": 2,
        "total": 2,
        "recordsPerSecond": 210.5,
        "etaSeconds": None,
        "watermark": "2026-01-15T12:00:00Z",
    },
}
SCHEDULE = {
    "entity": "orders",
    "syncMode": "incremental",
    "staleAfterMins": None,
    "cron": "*/15 * * * *",
    "everySeconds": None,
    "nextRunAt": "2026-01-15T12:15:00Z",
    "lastRunAt": None,
    "lastJobId": None,
}
PART = {"from": None, "to": "2026-01-15T12:00:00Z"}
WINDOW = {**PART, "mode": "full", "jobId": LOG, "complete": True, "recordedAt": "2026-01-15T12:04:11Z"}
ENTITY = {"entity": choice_place(*JOB_TYPES)}
TIKTOK_ENTITY = {"entity": choice_place("orders", "products")}
STEER = tuple(
    Link(name, {"jobId": "$response.body#/data/jobId"})
    for name in ("pauseJob", "resumeJob", "cancelJob", "getShopifyJob")
)


def started(example: dict[str, Any], *links: Link) -> Answer:
    about = "The run has its place. Poll `statusUrl`."
    return Answer(202, about, StartedSchema, example, headers=("Location", "Retry-After"), links=(TO_JOB, *links))


SHOPIFY = (
    Operation(
        name="startShopifyJob",
        method="post",
        path="/api/shopify/sync/jobs/start",
        tag="Shopify",
        summary="Start a pull of a Shopify store",
        about="Without `syncMode` all is read and applied. `populate` adds what is missing: of the last `days`, or by"
        " `fullScan` all. `update` reads what changed in the last `staleAfterMins`. One run of an entity at a"
        " time: 409 names the one in progress, and answers also where the shop is not connected.",
        body=Body(ShopifyStartSchema, {"jobType": "orders", "syncMode": "populate", "days": 30}),
        answers=(started({**STARTED, "jobType": "orders"}, *STEER),),
        errors=(*BODY, *CALLER, "CONFLICT", *SERVER),
    ),
    Operation(
        name="listShopifyJobs",
        method="get",
        path="/api/shopify/sync/jobs",
        tag="Shopify",
        summary="List pulls of a Shopify store",
        about="Newest first, with progress and time left.",
        query=RowsQuery,
        answers=(Answer(200, "A page.", PullsSchema, {"jobs": [PULL], "nextCursor": None}),),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="getShopifyJob",
        method="get",
        path="/api/shopify/sync/jobs/{jobId}",
        tag="Shopify",
        summary="One pull of a Shopify store",
        about="404 also for a job of another source.",
        places={"jobId": uuid_place("`jobId` of a start")},
        answers=(Answer(200, "The run.", JobSchema, PULL),),
        errors=(*CALLER, "NOT_FOUND", *SERVER),
    ),
)

TIKTOK = (
    Operation(
        name="startTiktokSync",
        method="post",
        path="/api/tiktok/sync/{entity}",
        tag="TikTok Shop",
        summary="Pull what changed",
        about="Since the watermark; everything where there is none or `force_full` says so.",
        places=TIKTOK_ENTITY,
        query=TiktokQuery,
        answers=(started({**STARTED, "syncMode": "incremental", "sync_type": "orders_incremental"}),),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", "CONFLICT", *SERVER),
    ),
    Operation(
        name="startTiktokFullSync",
        method="post",
        path="/api/tiktok/sync/{entity}/full",
        tag="TikTok Shop",
        summary="Pull everything",
        about="Whatever has been read before.",
        places=TIKTOK_ENTITY,
        query=TiktokFullQuery,
        answers=(started({**STARTED, "syncMode": "full", "sync_type": "orders_full"}),),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", "CONFLICT", *SERVER),
    ),
    Operation(
        name="getTiktokStatus",
        method="get",
        path="/api/tiktok/sync/status",
        tag="TikTok Shop",
        summary="How much is here, and how fresh",
        about="Counts, watermark, overlap and measured lateness.",
        answers=(Answer(200, "Figures.", TiktokStatusSchema, {"orders": STATUS, "products": STATUS}),),
        errors=(*CALLER, *SERVER),
    ),
)

SCHEDULES = (
    Operation(
        name="listSchedules",
        method="get",
        path="/api/sync/schedules",
        tag="Schedules",
        summary="List schedules",
        about="One for each entity that has one.",
        answers=(Answer(200, "All of them.", SchedulesSchema, {"schedules": [SCHEDULE]}),),
        errors=(*CALLER, *SERVER),
    ),
    Operation(
        name="putSchedule",
        method="put",
        path="/api/sync/schedules/{entity}",
        tag="Schedules",
        summary="Set an entity's schedule",
        about="Either `cron` (five fields, UTC) or `everySeconds`. 400 for an entity that the store's platform has not.",
        places=ENTITY,
        body=Body(ScheduleSchema, {"cron": "*/15 * * * *"}),
        answers=(
            Answer(
                200,
                "The schedule.",
                ScheduleAnswerSchema,
                SCHEDULE,
                links=(Link("deleteSchedule", {"entity": "$response.body#/data/entity"}),),
            ),
        ),
        errors=(*BODY, *CALLER, "NOT_FOUND", *SERVER),
    ),
    Operation(
        name="deleteSchedule",
        method="delete",
        path="/api/sync/schedules/{entity}",
        tag="Schedules",
        summary="End an entity's schedule",
        about="A run in progress goes on. 404 where there is none.",
        places=ENTITY,
        answers=(Answer(200, "It is no more.", DeletedScheduleSchema, {"entity": "orders", "deleted": True}),),
        errors=(*CALLER, "NOT_FOUND", *SERVER),
    ),
)

COVERAGE = (
    Operation(
        name="getCoverage",
        method="get",
        path="/api/sync/coverage",
        tag="Coverage",
        summary="Which changes have been read",
        about="Windows in time, and the holes between them.",
        query=EntitySchema,
        answers=(
            Answer(
                200,
                "The ledger of one entity.",
                CoverageSchema,
                {
                    "entity": "orders",
                    "covered": [PART],
                    "holes": [],
                    "coveredUntil": "2026-01-15T12:00:00Z",
                    "windows": [WINDOW],
                },
            ),
        ),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="fillCoverage",
        method="post",
        path="/api/sync/coverage/fill",
        tag="Coverage",
        summary="Pull the holes",
        about="All of one entity, in one run. 409 where there is none, or a run is in progress.",
        body=Body(EntitySchema, {"entity": "orders"}),
        answers=(started({**STARTED, "syncMode": "fill", "jobType": "orders"}),),
        errors=(*BODY, *CALLER, "CONFLICT", *SERVER),
    ),
    Operation(
        name="explain",
        method="get",
        path="/api/sync/explain",
        tag="Coverage",
        summary="What became of one record",
        about="One verdict, with evidence. 400 for an entity that the store's platform has not.",
        query=RecordQuery,
        answers=(
            Answer(
                200,
                "The verdict.",
                ExplanationSchema,
                {
                    "entity": "orders",
                    "id": "1001",
                    "verdict": "stored",
                    "message": "The record is stored.",
                    "evidence": {
                        "version": "2026-01-15T12:00:00Z",
                        "storedAt": "2026-01-15T12:00:01Z",
                        "createdAt": "2026-01-15T10:30:00Z",
                        "jobId": LOG,
                    },
                },
            ),
        ),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
)

OPERATIONS = (*SHOPIFY, *TIKTOK, *SCHEDULES, *COVERAGE)
