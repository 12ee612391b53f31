"""/api/sync/jobs: what became of each batch, why records were skipped, and retry, cancel, pause and resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from flask import Blueprint, Response, request, url_for

from app.http.auth import current_store_id
from app.http.operation import Answer, Link, Place
from app.http.paging import last_before_more, write_cursor
from app.http.scopes import Scope
from app.http.serve import Reply, View, operation, respond
from app.http.services import services
from app.usecases.job_actions import cancel, existing, pause, resume, retry
from app.usecases.job_answers import answer_tag, record_error_answer
from app.usecases.pulls import job_answers
from app.usecases.record_errors import download_csv, download_ndjson, read_record_errors, read_unlisted_errors
from db.core.tenancy import tenant
from db.sync.logs import LogFilter, get_log, list_logs
from db.sync.record_errors import FROM_THE_START, RecordError, get_unlisted_errors, list_record_errors
from schemas.answers.jobs import Job, Jobs, JobWithErrors, ListedJob, RecordErrors
from schemas.requests.lists import JobsQuery, RecordErrorsQuery

blueprint = Blueprint("jobs", __name__)

POLL_AFTER_SECONDS = 1
FIRST_ERRORS = 10
JOB_ID = {"log_id": Place("`jobId` of a receipt", name="jobId")}
RUNNING = {
    "status": "running",
    "phase": "queued",
    "processedCount": 0,
    "syncedCount": 0,
    "skippedCount": 0,
    "attempts": 0,
    "startedAt": None,
    "finishedAt": None,
    "errors": [],
}


@operation(
    blueprint,
    "get",
    "/api/sync/jobs",
    name="listJobs",
    tag="Jobs",
    summary="List jobs",
    about="Newest first, a page at a time.",
    access=("read",),
    query=JobsQuery,
    answers=(Answer(200, "A page.", Jobs, links=(Link("getJob", {"jobId": "$response.body#/data/jobs/0/jobId"}),)),),
)
def list_jobs(query: dict[str, Any]) -> Jobs:
    size, cursor = query.pop("limit"), query.pop("cursor")
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, **query)
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        logs = list_logs(conn, current_store_id(), wanted, size + 1)
        answers = job_answers(conn, current_store_id(), logs[:size])
    last = last_before_more(logs, size)
    jobs = [ListedJob(**msgspec.structs.asdict(job), status_url=_url(job.job_id)) for job in answers]
    return Jobs(jobs, write_cursor(str(last.accepted_seq)) if last else None)


@operation(
    blueprint,
    "get",
    "/api/sync/jobs/<uuid:log_id>",
    name="getJob",
    tag="Jobs",
    summary="Poll a job",
    about="Until `status` is no longer `running`, at the pace of `Retry-After`. With `If-None-Match` and the last `ETag` an"
    " unchanged job answers 304.",
    access=("read",),
    places=JOB_ID,
    headers=("If-None-Match",),
    answers=(
        Answer(
            200,
            "The job, with the first of its record errors.",
            JobWithErrors,
            headers=("ETag",),
            may_have=("Retry-After",),
        ),
        Answer(304, "Nothing has changed since that ETag.", headers=("ETag",), may_have=("Retry-After",)),
    ),
    errors=("NOT_FOUND",),
)
def get_job(log_id: UUID) -> Response:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        log = existing(get_log(conn, current_store_id(), log_id))
        first = list_record_errors(conn, current_store_id(), log_id, FROM_THE_START, FIRST_ERRORS)
        unlisted = get_unlisted_errors(conn, current_store_id(), log_id) if first else 0
        (job,) = job_answers(conn, current_store_id(), [log])
    answer = _with_errors(job, first, unlisted)
    response = respond(answer)
    response.set_etag(answer_tag(answer), weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if log.status == "running":
        response.headers["Retry-After"] = str(POLL_AFTER_SECONDS)
    response.make_conditional(request)
    return response


@operation(
    blueprint,
    "get",
    "/api/sync/jobs/<uuid:log_id>/errors",
    name="getJobErrors",
    tag="Jobs",
    summary="Why records were skipped",
    about="A page as JSON; all of them with `Accept: text/csv` or `application/x-ndjson`, which ignore limit and cursor.",
    access=("read",),
    places=JOB_ID,
    query=RecordErrorsQuery,
    answers=(
        Answer(
            200,
            "Record errors, by place in the batch.",
            RecordErrors,
            may_have=("Content-Disposition",),
            also={
                "text/csv": "index,id,field,code,reason\r\n1,1002,total,required,is missing or empty\r\n",
                "application/x-ndjson": '{"index": 1, "id": "1002", "field": "total", "code": "required",'
                ' "reason": "is missing or empty"}\n',
            },
        ),
    ),
    errors=("NOT_FOUND",),
)
def get_job_errors(log_id: UUID, query: dict[str, Any]) -> RecordErrors | Response:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        existing(get_log(conn, store_id, log_id))
    wanted = request.accept_mimetypes.best_match(["application/json", "text/csv", "application/x-ndjson"])
    if wanted == "text/csv":
        return download_csv(store_id, log_id)
    if wanted == "application/x-ndjson":
        return download_ndjson(store_id, log_id)
    size, cursor = query["limit"], query["cursor"]
    after = (int(cursor[0]), cursor[1]) if cursor else FROM_THE_START
    errors = read_record_errors(store_id, log_id, after, size + 1)
    last = last_before_more(errors, size)
    return RecordErrors(
        errors=[record_error_answer(error) for error in errors[:size]],
        errors_not_listed=read_unlisted_errors(store_id, log_id),
        next_cursor=write_cursor(str(last.record_index), last.field) if last else None,
    )


def _action(
    verb: str, access: tuple[Scope, ...], summary: str, about: str, example: dict[str, Any], *links: str
) -> Callable[[View], View]:
    return operation(
        blueprint,
        "post",
        f"/api/sync/jobs/<uuid:log_id>/{verb}",
        name=f"{verb}Job",
        tag="Jobs",
        summary=summary,
        about=about,
        access=access,
        audit=f"job.{verb}",
        places=JOB_ID,
        answers=(
            Answer(
                202,
                "The job as it is now.",
                JobWithErrors,
                example=RUNNING | example,
                links=tuple(Link(name, {"jobId": "$response.body#/data/jobId"}) for name in ("getJob", *links)),
            ),
        ),
        errors=("NOT_FOUND", "CONFLICT"),
    )


@_action(
    "retry",
    ("ingest", "pull"),
    "Run a failed job again",
    "A batch whose payload is still kept, or a pull from where it stopped. 409 for any other state.",
    {},
)
def retry_job(log_id: UUID) -> Reply:
    return _changed(retry(current_store_id(), log_id))


@_action(
    "cancel",
    ("ingest", "pull"),
    "Stop a running job",
    "A batch before it takes effect, a pull at its next page; what was applied stays. 409 where it has ended.",
    {"status": "cancelled", "phase": None, "finishedAt": "2026-01-15T12:00:02Z"},
)
def cancel_job(log_id: UUID) -> Reply:
    return _changed(cancel(current_store_id(), log_id))


@_action(
    "pause",
    ("pull",),
    "Pause a pull",
    "It stops at its next page. 409 for any other state, and for a batch.",
    {"source": "shopify", "status": "paused", "phase": None},
    "resumeJob",
)
def pause_job(log_id: UUID) -> Reply:
    return _changed(pause(current_store_id(), log_id))


@_action("resume", ("pull",), "Resume a pull", "409 where it is not paused.", {"source": "shopify"})
def resume_job(log_id: UUID) -> Reply:
    return _changed(resume(current_store_id(), log_id))


def _changed(job: Job) -> Reply:
    return Reply(_with_errors(job, [], 0), 202)


def _url(log_id: UUID) -> str:
    return url_for("jobs.get_job", log_id=log_id)


def _with_errors(job: Job, first: list[RecordError], unlisted: int) -> JobWithErrors:
    return JobWithErrors(
        **msgspec.structs.asdict(job),
        status_url=_url(job.job_id),
        errors=[record_error_answer(error) for error in first],
        errors_not_listed=unlisted,
        errors_url=url_for("jobs.get_job_errors", log_id=job.job_id),
    )
