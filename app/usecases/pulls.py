"""What the doors to the pulls share: whose store it is, starting a run, and how it looks in an answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from flask import Response, g, jsonify, url_for
from psycopg import Connection

from app.audit.notes import note
from app.http.auth import current_store_id
from app.http.errors import ApiError
from app.http.quota import refuse_full_store
from app.http.services import services
from app.usecases.job_answers import log_answer, moment
from db.core.tenancy import tenant
from db.pulls.runs import Progress, list_progress
from db.stores.stores import Store, get_store
from db.sync.logs import LogView
from schemas.platforms.registry import PLATFORMS
from workers.pulls.start import AlreadyRunning, NothingToFill, Wanted, start_pull

POLL_AFTER_SECONDS = 2


def pulled_store(conn: Connection, platform: str | None = None) -> Store:
    """The caller's store, if it is one that is pulled; of that very platform where one is named."""
    store = get_store(conn, current_store_id())
    if store is None or store.platform not in PLATFORMS or platform not in (None, store.platform):
        raise ApiError("FORBIDDEN", f"this is for stores of {platform or ' and '.join(PLATFORMS)}")
    return store


def start_run(wanted: Wanted, platform: str | None = None) -> UUID:
    """Start a run of the caller's store and wake a worker. Raises ApiError: 403, 400, 409 with the running one's id."""
    store_id = current_store_id()
    refuse_full_store()
    with services().pool.connection() as conn, tenant(conn, store_id):
        store = pulled_store(conn, platform)
        check_entity(store, wanted.entity, PLATFORMS[store.platform].pulled)
        if not store.has_credentials:
            raise ApiError("CONFLICT", "No access token found: connect the shop first")
        try:
            ticket = start_pull(conn, store_id, store.platform, wanted, g.request_id)
        except AlreadyRunning as other:
            message = f"a sync of {wanted.entity} is in progress: wait for it, or cancel it"
            raise ApiError("CONFLICT", message, details={"jobId": str(other.log_id)}) from None
        except NothingToFill:
            raise ApiError("CONFLICT", f"the coverage of {wanted.entity} has no hole to fill") from None
    services().wake_up.enqueue([ticket])
    note(entity=wanted.entity, mode=wanted.mode, job_id=ticket.log_id)
    return ticket.log_id


def check_entity(store: Store, entity: str, known: Collection[str]) -> None:
    """Raises ApiError 400 for an entity that is not among those `known` of the store's platform."""
    if entity not in known:
        raise ApiError("VALIDATION_ERROR", f"{store.platform} stores have " + ", ".join(known))


def started(log_id: UUID, mode: str, more: dict[str, Any] | None = None) -> tuple[Response, int, dict[str, str]]:
    """202 for a run that has its place."""
    status_url = url_for("jobs.get_job", log_id=log_id)
    data = {
        "syncLogId": str(log_id),
        "jobId": str(log_id),
        "status": "running",
        "syncMode": mode,
        "statusUrl": status_url,
        "pollAfterSeconds": POLL_AFTER_SECONDS,
        **(more or {}),
    }
    return (
        jsonify({"success": True, "data": data}),
        202,
        {"Location": status_url, "Retry-After": str(POLL_AFTER_SECONDS)},
    )


def job_answers(conn: Connection, logs: list[LogView]) -> list[dict[str, Any]]:
    """Logs as their tenant sees them; pulls among them with their progress."""
    found = list_progress(conn, current_store_id(), [log.id for log in logs if log.source in PLATFORMS])
    return [log_answer(log) | progress_answer(log, found.get(log.id)) for log in logs]


def progress_answer(log: LogView, progress: Progress | None) -> dict[str, Any]:
    """Rate in records a second of work; `etaSeconds` where the platform tells how many there are."""
    if progress is None:
        return {}
    rate = progress.fetched / progress.work_seconds if progress.work_seconds > 0 else None
    left = max(progress.total - log.received, 0) if progress.total is not None else None
    is_open = log.status in ("running", "paused")
    return {
        "jobType": log.entity,
        "options": progress.options,
        "progress": {
            "pages": progress.pages,
            "records": log.received,
            "total": progress.total if progress.total is not None else (None if is_open else log.received),
            "recordsPerSecond": round(rate, 1) if rate is not None else None,
            "etaSeconds": round(left / rate) if is_open and rate and left is not None else None,
            "watermark": moment(progress.watermark),
        },
    }
