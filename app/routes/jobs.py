"""/api/sync/jobs: what became of each batch, why records were skipped, and retry, cancel, pause and resume."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
from flask import Blueprint, Response, jsonify, request, stream_with_context, url_for
from psycopg import Connection

from app.answers import log_tag, record_error_answer
from app.auth import current_store_id, store_required
from app.errors import ApiError, not_found
from app.paging import read_query, write_cursor
from app.pulls import job_answers
from app.services import services
from db.pull_runs import discard_page, pause_pull, resume_pull, retry_pull
from db.sync_logs import LogFilter, LogView, cancel_log, get_log, list_logs, retry_log
from db.sync_payloads import delete_payload
from db.sync_record_errors import FROM_THE_START, RecordError, list_record_errors
from db.tenancy import tenant
from schemas.queries import JobsQuery, RecordErrorsQuery

blueprint = Blueprint("jobs", __name__)

POLL_AFTER_SECONDS = 1
FIRST_ERRORS = 10
DOWNLOAD_PAGE = 1000
JOBS, RECORD_ERRORS = JobsQuery(), RecordErrorsQuery()
COLUMNS = ("index", "id", "field", "code", "reason")


@blueprint.get("/api/sync/jobs")
@store_required
def list_jobs() -> Response:
    """Newest first, a page at a time, filtered."""
    asked = read_query(JOBS, request.args)
    size, cursor = asked.pop("limit"), asked.pop("cursor")
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, **asked)
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        logs = list_logs(conn, current_store_id(), wanted, size + 1)
        answers = job_answers(conn, logs[:size])
    more = write_cursor(str(logs[size - 1].accepted_seq)) if len(logs) > size else None
    jobs = [{**answer, "statusUrl": _url(log)} for log, answer in zip(logs, answers, strict=False)]
    data = {"jobs": jobs, "nextCursor": more}
    return jsonify({"success": True, "data": data})


@blueprint.get("/api/sync/jobs/<uuid:log_id>")
@store_required
def get_job(log_id: UUID) -> Response:
    """One log with its first record errors; 304 where nothing changed since the client's ETag."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        log = _existing(get_log(conn, current_store_id(), log_id))
        first = list_record_errors(conn, current_store_id(), log_id, FROM_THE_START, FIRST_ERRORS)
        (answer,) = job_answers(conn, [log])
    response = jsonify({"success": True, "data": _job_data(log, answer, first)})
    response.set_etag(log_tag(log), weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    if log.status == "running":
        response.headers["Retry-After"] = str(POLL_AFTER_SECONDS)
    response.make_conditional(request)
    return response


@blueprint.get("/api/sync/jobs/<uuid:log_id>/errors")
@store_required
def get_job_errors(log_id: UUID) -> Response:
    """Skipped records: a JSON page, or all of them as CSV or NDJSON, by the Accept header."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        _existing(get_log(conn, current_store_id(), log_id))
    wanted = request.accept_mimetypes.best_match(["application/json", "text/csv", "application/x-ndjson"])
    if wanted == "text/csv":
        return _download(log_id, "text/csv; charset=utf-8", "csv", _csv_lines)
    if wanted == "application/x-ndjson":
        return _download(log_id, "application/x-ndjson", "ndjson", _ndjson_lines)
    return _errors_page(log_id)


@blueprint.post("/api/sync/jobs/<uuid:log_id>/retry")
@store_required
def retry_job(log_id: UUID) -> tuple[Response, int]:
    """Run a failed log again, a pull from where it stopped. 409 for any other state, and where its payload is gone."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = _existing(get_log(conn, store_id, log_id))
        is_pull = log.source != "plugin"
        ticket = retry_pull(conn, store_id, log_id) if is_pull else retry_log(conn, store_id, log_id)
        if ticket is None:
            what = "which no other has replaced" if is_pull else "whose payload is still kept"
            raise _conflict(log, f"only a failed job {what} can be retried")
        answer = _changed(conn, store_id, log_id)
    services().wake_up.enqueue([ticket])
    return answer


@blueprint.post("/api/sync/jobs/<uuid:log_id>/cancel")
@store_required
def cancel_job(log_id: UUID) -> tuple[Response, int]:
    """Stop a running log before it takes effect, a pull at its next page. 409 where it has ended, be it while we waited."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        _existing(get_log(conn, store_id, log_id))
        cancelled = cancel_log(conn, store_id, log_id)
        log = _existing(get_log(conn, store_id, log_id))
        if not cancelled:
            raise _conflict(log, "only a running job can be cancelled")
        delete_payload(conn, store_id, log_id)
        discard_page(conn, store_id, log_id)
        return _changed(conn, store_id, log_id)


@blueprint.post("/api/sync/jobs/<uuid:log_id>/pause")
@store_required
def pause_job(log_id: UUID) -> tuple[Response, int]:
    """Stop a running pull at its next page, to be resumed there. 409 for any other state, and for a batch."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        _existing(get_log(conn, store_id, log_id))
        if not pause_pull(conn, store_id, log_id):
            raise _conflict(_existing(get_log(conn, store_id, log_id)), "only a running pull can be paused")
        return _changed(conn, store_id, log_id)


@blueprint.post("/api/sync/jobs/<uuid:log_id>/resume")
@store_required
def resume_job(log_id: UUID) -> tuple[Response, int]:
    """Let a paused pull go on. 409 for any other state."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = _existing(get_log(conn, store_id, log_id))
        ticket = resume_pull(conn, store_id, log_id)
        if ticket is None:
            raise _conflict(log, "only a paused pull can be resumed")
        answer = _changed(conn, store_id, log_id)
    services().wake_up.enqueue([ticket])
    return answer


def _existing(log: LogView | None) -> LogView:
    if log is None:
        raise not_found()
    return log


def _conflict(log: LogView, message: str) -> ApiError:
    return ApiError("CONFLICT", message, details={"status": log.status})


def _changed(conn: Connection, store_id: UUID, log_id: UUID) -> tuple[Response, int]:
    log = _existing(get_log(conn, store_id, log_id))
    (answer,) = job_answers(conn, [log])
    return jsonify({"success": True, "data": _job_data(log, answer, [])}), 202


def _url(log: LogView) -> str:
    return url_for("jobs.get_job", log_id=log.id)


def _job_data(log: LogView, answer: dict[str, Any], first: list[RecordError]) -> dict[str, Any]:
    return {
        **answer,
        "errors": [record_error_answer(error) for error in first],
        "errorsUrl": url_for("jobs.get_job_errors", log_id=log.id),
        "statusUrl": _url(log),
    }


def _errors_page(log_id: UUID) -> Response:
    asked = read_query(RECORD_ERRORS, request.args)
    size, cursor = asked["limit"], asked["cursor"]
    after = (int(cursor[0]), cursor[1]) if cursor else FROM_THE_START
    errors = _read_errors(current_store_id(), log_id, after, size + 1)
    last = errors[size - 1] if len(errors) > size else None
    more = write_cursor(str(last.record_index), last.field) if last else None
    data = {"errors": [record_error_answer(error) for error in errors[:size]], "nextCursor": more}
    return jsonify({"success": True, "data": data})


def _read_errors(store_id: UUID, log_id: UUID, after: tuple[int, str], most: int) -> list[RecordError]:
    """Each page in a transaction of its own: none is open while a client reads."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        return list_record_errors(conn, store_id, log_id, after, most)


def _all_errors(store_id: UUID, log_id: UUID) -> Iterator[RecordError]:
    after = FROM_THE_START
    while page := _read_errors(store_id, log_id, after, DOWNLOAD_PAGE):
        yield from page
        after = (page[-1].record_index, page[-1].field)


def _download(
    log_id: UUID, mimetype: str, ending: str, lines: Callable[[Iterable[RecordError]], Iterator[str]]
) -> Response:
    errors = _all_errors(current_store_id(), log_id)
    response = Response(stream_with_context(lines(errors)), content_type=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="errors-{log_id}.{ending}"'
    return response


def _csv_lines(errors: Iterable[RecordError]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for error in errors:
        yield _csv_line(record_error_answer(error).values())


def _csv_line(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()


def _ndjson_lines(errors: Iterable[RecordError]) -> Iterator[str]:
    for error in errors:
        yield msgspec.json.encode(record_error_answer(error)).decode() + "\n"
