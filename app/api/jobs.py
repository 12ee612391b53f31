"""/api/sync/jobs: what became of each batch, why records were skipped, and retry, cancel, pause and resume."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, url_for

from app.http.auth import current_store_id, requires
from app.http.paging import last_before_more, read_query, write_cursor
from app.http.services import services
from app.usecases.job_actions import cancel, existing, pause, resume, retry
from app.usecases.job_answers import answer_tag, record_error_answer
from app.usecases.pulls import job_answers
from app.usecases.record_errors import download_csv, download_ndjson, read_record_errors, read_unlisted_errors
from db.core.tenancy import tenant
from db.sync.logs import LogFilter, LogView, get_log, list_logs
from db.sync.record_errors import FROM_THE_START, RecordError, get_unlisted_errors, list_record_errors
from schemas.requests.lists import JobsQuery, RecordErrorsQuery

blueprint = Blueprint("jobs", __name__)

POLL_AFTER_SECONDS = 1
FIRST_ERRORS = 10
JOBS, RECORD_ERRORS = JobsQuery(), RecordErrorsQuery()


@blueprint.get("/api/sync/jobs")
@requires("read")
def list_jobs() -> Response:
    """Newest first, a page at a time, filtered."""
    asked = read_query(JOBS, request.args)
    size, cursor = asked.pop("limit"), asked.pop("cursor")
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, **asked)
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        logs = list_logs(conn, current_store_id(), wanted, size + 1)
        answers = job_answers(conn, logs[:size])
    last = last_before_more(logs, size)
    more = write_cursor(str(last.accepted_seq)) if last else None
    jobs = [{**answer, "statusUrl": _url(log)} for log, answer in zip(logs, answers, strict=False)]
    data = {"jobs": jobs, "nextCursor": more}
    return jsonify({"success": True, "data": data})


@blueprint.get("/api/sync/jobs/<uuid:log_id>")
@requires("read")
def get_job(log_id: UUID) -> Response:
    """One log with its first record errors; 304 where nothing changed since the client's ETag."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        log = existing(get_log(conn, current_store_id(), log_id))
        first = list_record_errors(conn, current_store_id(), log_id, FROM_THE_START, FIRST_ERRORS)
        unlisted = get_unlisted_errors(conn, current_store_id(), log_id) if first else 0
        (answer,) = job_answers(conn, [log])
    data = _job_data(log, answer, first, unlisted)
    response = jsonify({"success": True, "data": data})
    response.set_etag(answer_tag(data), weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if log.status == "running":
        response.headers["Retry-After"] = str(POLL_AFTER_SECONDS)
    response.make_conditional(request)
    return response


@blueprint.get("/api/sync/jobs/<uuid:log_id>/errors")
@requires("read")
def get_job_errors(log_id: UUID) -> Response:
    """Skipped records: a JSON page, or all of them as CSV or NDJSON, by the Accept header."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        existing(get_log(conn, current_store_id(), log_id))
    wanted = request.accept_mimetypes.best_match(["application/json", "text/csv", "application/x-ndjson"])
    if wanted == "text/csv":
        return download_csv(current_store_id(), log_id)
    if wanted == "application/x-ndjson":
        return download_ndjson(current_store_id(), log_id)
    return _errors_page(log_id)


@blueprint.post("/api/sync/jobs/<uuid:log_id>/retry")
@requires("ingest", "pull")
def retry_job(log_id: UUID) -> tuple[Response, int]:
    """Run a failed log again, a pull from where it stopped. 409 for any other state, and where its payload is gone."""
    return _changed(*retry(current_store_id(), log_id))


@blueprint.post("/api/sync/jobs/<uuid:log_id>/cancel")
@requires("ingest", "pull")
def cancel_job(log_id: UUID) -> tuple[Response, int]:
    """Stop a running log before it takes effect, a pull at its next page. 409 where it has ended, be it while we waited."""
    return _changed(*cancel(current_store_id(), log_id))


@blueprint.post("/api/sync/jobs/<uuid:log_id>/pause")
@requires("pull")
def pause_job(log_id: UUID) -> tuple[Response, int]:
    """Stop a running pull at its next page, to be resumed there. 409 for any other state, and for a batch."""
    return _changed(*pause(current_store_id(), log_id))


@blueprint.post("/api/sync/jobs/<uuid:log_id>/resume")
@requires("pull")
def resume_job(log_id: UUID) -> tuple[Response, int]:
    """Let a paused pull go on. 409 for any other state."""
    return _changed(*resume(current_store_id(), log_id))


def _changed(log: LogView, answer: dict[str, Any]) -> tuple[Response, int]:
    return jsonify({"success": True, "data": _job_data(log, answer, [])}), 202


def _url(log: LogView) -> str:
    return url_for("jobs.get_job", log_id=log.id)


def _job_data(log: LogView, answer: dict[str, Any], first: list[RecordError], unlisted: int = 0) -> dict[str, Any]:
    return {
        **answer,
        "errors": [record_error_answer(error) for error in first],
        "errorsNotListed": unlisted,
        "errorsUrl": url_for("jobs.get_job_errors", log_id=log.id),
        "statusUrl": _url(log),
    }


def _errors_page(log_id: UUID) -> Response:
    asked = read_query(RECORD_ERRORS, request.args)
    size, cursor = asked["limit"], asked["cursor"]
    after = (int(cursor[0]), cursor[1]) if cursor else FROM_THE_START
    errors = read_record_errors(current_store_id(), log_id, after, size + 1)
    unlisted = read_unlisted_errors(current_store_id(), log_id)
    last = last_before_more(errors, size)
    more = write_cursor(str(last.record_index), last.field) if last else None
    data = {
        "errors": [record_error_answer(error) for error in errors[:size]],
        "errorsNotListed": unlisted,
        "nextCursor": more,
    }
    return jsonify({"success": True, "data": data})
