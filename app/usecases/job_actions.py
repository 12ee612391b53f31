"""What a person or a plugin may do to a log: retry, cancel, pause, resume. Refused where its state forbids it."""

from __future__ import annotations

from typing import Any
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

Changed = tuple[LogView, dict[str, Any]]


def retry(store_id: UUID, log_id: UUID) -> Changed:
    """Run a failed log again, a pull from where it stopped. Raises ApiError 409 where that can't be."""
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


def cancel(store_id: UUID, log_id: UUID) -> Changed:
    """Stop a running log before it takes effect, a pull at its next page."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        existing(get_log(conn, store_id, log_id))
        cancelled = cancel_log(conn, store_id, log_id)
        log = existing(get_log(conn, store_id, log_id))
        if not cancelled:
            raise _conflict(log, "only a running job can be cancelled")
        delete_payload(conn, store_id, log_id)
        discard_page(conn, store_id, log_id)
        return _changed(conn, store_id, log_id)


def pause(store_id: UUID, log_id: UUID) -> Changed:
    """Stop a running pull at its next page, to be resumed there."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        existing(get_log(conn, store_id, log_id))
        if not pause_pull(conn, store_id, log_id):
            raise _conflict(existing(get_log(conn, store_id, log_id)), "only a running pull can be paused")
        return _changed(conn, store_id, log_id)


def resume(store_id: UUID, log_id: UUID) -> Changed:
    """Let a paused pull go on."""
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = existing(get_log(conn, store_id, log_id))
        ticket = resume_pull(conn, store_id, log_id)
        if ticket is None:
            raise _conflict(log, "only a paused pull can be resumed")
        changed = _changed(conn, store_id, log_id)
    services().wake_up.enqueue([ticket])
    return changed


def existing(log: LogView | None) -> LogView:
    """The log, or the answer for an unknown id."""
    if log is None:
        raise not_found()
    return log


def _conflict(log: LogView, message: str) -> ApiError:
    return ApiError("CONFLICT", message, details={"status": log.status})


def _changed(conn: Connection, store_id: UUID, log_id: UUID) -> Changed:
    log = existing(get_log(conn, store_id, log_id))
    (answer,) = job_answers(conn, [log])
    return log, answer
