"""Jobs: what became of a batch or a run, and what may be done with it; and how fresh a store is."""

from __future__ import annotations

import json
from typing import Any

from app.openapi.operation import CALLER, SERVER, Answer, Link, Operation, uuid_place
from app.openapi.operations.ingest import LOG
from schemas.answers.jobs import JobsSchema, JobWithErrorsSchema, RecordErrorsSchema, StatusSchema
from schemas.requests.lists import JobsQuery, RecordErrorsQuery
from schemas.requests.pulls import BIGINT_MAX

TAG = "Jobs"
JOB_ID = {"jobId": uuid_place("`jobId` of a receipt")}
JOB: dict[str, Any] = {
    "syncLogId": LOG,
    "jobId": LOG,
    "entity": "orders",
    "source": "plugin",
    "syncMode": "upsert",
    "status": "completed",
    "phase": None,
    "receivedCount": 2,
    "processedCount": 2,
    "syncedCount": 1,
    "skippedCount": 1,
    "counts": {"inserted": 1, "updated": 0, "unchanged": 0, "stale": 0, "invalid": 1, "existing": 0},
    "attempts": 1,
    "nextAttemptAt": None,
    "acceptedAt": "2026-01-15T12:00:01.100000Z",
    "startedAt": "2026-01-15T12:00:01.140000Z",
    "finishedAt": "2026-01-15T12:00:01.190000Z",
    "error": None,
    "requestId": "8d9f5b0c6f5f4d0e9d2b7c1a3e4f5a6b",
}
LISTED = {**JOB, "statusUrl": f"/api/sync/jobs/{LOG}"}
RUNNING = {
    "status": "running",
    "phase": "queued",
    "processedCount": 0,
    "syncedCount": 0,
    "skippedCount": 0,
    "counts": dict.fromkeys(JOB["counts"], 0),
    "attempts": 0,
    "startedAt": None,
    "finishedAt": None,
}
PROBLEM = {"index": 1, "id": "1002", "field": "total", "code": "required", "reason": "is missing or empty"}
DETAIL = {**LISTED, "errors": [PROBLEM], "errorsUrl": f"/api/sync/jobs/{LOG}/errors"}
CHANGED: dict[str, Any] = {**DETAIL, **RUNNING, "errors": []}
STATUS = {
    "count": 2000,
    "last_synced": "2026-01-15T12:00:01.190000Z",
    "metadata": {
        "last_sync_time": "2026-01-15T12:00:01.190000Z",
        "last_record_time": "2026-01-15T12:00:00Z",
        "records_synced": 2000,
        "is_full_sync": False,
    },
}
NEVER = {"count": 0, "last_synced": None, "metadata": None}
TO_JOB = Link("getJob", {"jobId": "$response.body#/data/jobId"})


def _change(verb: str, summary: str, about: str, example: dict[str, Any], *links: str) -> Operation:
    return Operation(
        name=f"{verb}Job",
        method="post",
        path=f"/api/sync/jobs/{{jobId}}/{verb}",
        tag=TAG,
        summary=summary,
        about=about,
        places=JOB_ID,
        answers=(
            Answer(
                202,
                "The job as it is now.",
                JobWithErrorsSchema,
                example,
                links=tuple(Link(name, {"jobId": "$response.body#/data/jobId"}) for name in ("getJob", *links)),
            ),
        ),
        errors=(*CALLER, "NOT_FOUND", "CONFLICT", *SERVER),
    )


OPERATIONS = (
    Operation(
        name="listJobs",
        method="get",
        path="/api/sync/jobs",
        tag=TAG,
        summary="List jobs",
        about="Newest first, a page at a time.",
        query=JobsQuery,
        answers=(
            Answer(
                200,
                "A page.",
                JobsSchema,
                {"jobs": [LISTED], "nextCursor": "1041"},
                links=(Link("getJob", {"jobId": "$response.body#/data/jobs/0/jobId"}),),
            ),
        ),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="getJob",
        method="get",
        path="/api/sync/jobs/{jobId}",
        tag=TAG,
        summary="Poll a job",
        about="Until `status` is no longer `running`, at the pace of `Retry-After`. With `If-None-Match` and the last `ETag` an"
        " unchanged job answers 304.",
        places=JOB_ID,
        headers=("If-None-Match",),
        answers=(
            Answer(
                200,
                "The job, with the first of its record errors.",
                JobWithErrorsSchema,
                DETAIL,
                headers=("ETag",),
                may_have=("Retry-After",),
            ),
            Answer(304, "Nothing has changed since that ETag.", headers=("ETag",), may_have=("Retry-After",)),
        ),
        errors=(*CALLER, "NOT_FOUND", *SERVER),
    ),
    Operation(
        name="getJobErrors",
        method="get",
        path="/api/sync/jobs/{jobId}/errors",
        tag=TAG,
        summary="Why records were skipped",
        about="A page as JSON; all of them with `Accept: text/csv` or `application/x-ndjson`, where limit and cursor mean"
        " nothing.",
        places=JOB_ID,
        query=RecordErrorsQuery,
        answers=(
            Answer(
                200,
                "Record errors, by place in the batch.",
                RecordErrorsSchema,
                {"errors": [PROBLEM], "nextCursor": "1.total"},
                may_have=("Content-Disposition",),
                also={
                    "text/csv": "index,id,field,code,reason\r\n1,1002,total,required,is missing or empty\r\n",
                    "application/x-ndjson": f"{json.dumps(PROBLEM)}\n",
                },
            ),
        ),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", *SERVER),
    ),
    _change(
        "retry",
        "Run a failed job again",
        "A batch whose payload is still kept, or a pull from where it stopped. 409 for any other state.",
        CHANGED,
    ),
    _change(
        "cancel",
        "Stop a running job",
        "A batch before it takes effect, a pull at its next page; what was applied stays. 409 where it has ended.",
        {**CHANGED, "status": "cancelled", "phase": None, "finishedAt": "2026-01-15T12:00:02Z"},
    ),
    _change(
        "pause",
        "Pause a pull",
        "It stops at its next page. 409 for any other state, and for a batch.",
        {**CHANGED, "source": "shopify", "status": "paused", "phase": None},
        "resumeJob",
    ),
    _change("resume", "Resume a pull", "409 where it is not paused.", {**CHANGED, "source": "shopify"}),
    Operation(
        name="getStatus",
        method="get",
        path="/api/sync/status",
        tag=TAG,
        summary="How much is here, and how fresh",
        about="Per entity. Of a pulled one `metadata.last_sync_time` is the watermark: what changed before it has been read.",
        answers=(
            Answer(
                200,
                "Figures of the store.",
                StatusSchema,
                {"orders": STATUS, "products": NEVER, "customers": NEVER, "categories": NEVER},
            ),
        ),
        errors=(*CALLER, *SERVER),
    ),
    Operation(
        name="eraseCustomer",
        method="delete",
        path="/api/sync/customers/{wcCustomerId}",
        tag=TAG,
        summary="Erase one person",
        about="Wherever they are kept. 404 where nothing is known of them, be it that they were erased before.",
        role="admin",
        places={"wcCustomerId": {"type": "integer", "minimum": 1, "maximum": BIGINT_MAX}},
        answers=(Answer(204, "Erased."),),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", *SERVER),
    ),
)
