"""Retry, cancel, pause and resume a job. Each raises ApiError 404 for an unknown one, 409 where its state forbids it."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from app.http.errors import ApiError, not_found
from app.http.services import services
from app.usecases.pulls import job_answers
from db.core.tenancy import tenant
from db.pulls.pages import discard_page
from db.pulls.runs import pause_pull, resume_pull, retry_pull
from db.sync.logs import LogView, cancel_log, get_log, retry_log
from db.sync.payloads import delete_payload
from schemas.answers.jobs import Job


def retry(store_id: UUID, log_id: UUID) -> Job:
    """Run a failed job again: a batch while its payload is kept, a pull from where it stopped."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = existing(get_log(conn, store_id, log_id))
        is_pull = log.source != "plugin"
        ticket = retry_pull(conn, store_id, log_id) if is_pull else retry_log(conn, store_id, log_id)
        if ticket is None:
            what = "which no other has replaced" if is_pull else "whose payload is still kept"
            raise _conflict(log, f"only a failed job {what} can be retried")
        changed = _changed(conn, store_id, log_id)
    services().wake_up.enqueue([ticket])
    return changed


def cancel(store_id: UUID, log_id: UUID) -> Job:
    """Stop a running job: a batch before it takes effect, a pull at its next page."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        existing(get_log(conn, store_id, log_id))
        cancelled = cancel_log(conn, store_id, log_id)
        log = existing(get_log(conn, store_id, log_id))
        if not cancelled:
            raise _conflict(log, "only a running job can be cancelled")
        delete_payload(conn, store_id, log_id)
        discard_page(conn, store_id, log_id)
        return _changed(conn, store_id, log_id)


def pause(store_id: UUID, log_id: UUID) -> Job:
    """Stop a running pull at its next page, from where `resume` continues it."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        existing(get_log(conn, store_id, log_id))
        if not pause_pull(conn, store_id, log_id):
            raise _conflict(existing(get_log(conn, store_id, log_id)), "only a running pull can be paused")
        return _changed(conn, store_id, log_id)


def resume(store_id: UUID, log_id: UUID) -> Job:
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = existing(get_log(conn, store_id, log_id))
        ticket = resume_pull(conn, store_id, log_id)
        if ticket is None:
            raise _conflict(log, "only a paused pull can be resumed")
        changed = _changed(conn, store_id, log_id)
    services().wake_up.enqueue([ticket])
    return changed


def existing(log: LogView | None) -> LogView:
    """The log. Raises ApiError 404 for None."""
    if log is None:
        raise not_found()
    return log


def _conflict(log: LogView, message: str) -> ApiError:
    return ApiError("CONFLICT", message, details={"status": log.status})


def _changed(conn: Connection, store_id: UUID, log_id: UUID) -> Job:
    log = existing(get_log(conn, store_id, log_id))
    (job,) = job_answers(conn, store_id, [log])
    return job
