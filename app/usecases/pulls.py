"""Starts pulls for API and console, and reads jobs with their progress."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from flask import g
from psycopg import Connection

from app.audit.notes import note
from app.http.auth import current_store_id
from app.http.errors import ApiError
from app.http.quota import refuse_full_store
from app.http.services import services
from app.usecases.job_answers import job_answer
from db.core.tenancy import tenant
from db.pulls.runs import list_progress
from db.stores.stores import Store, get_store
from db.sync.logs import LogView
from schemas.answers.jobs import Job
from schemas.platforms.registry import PLATFORMS
from workers.pulls.start import AlreadyRunning, NothingToFill, Wanted, start_pull


def pulled_store(conn: Connection, platform: str | None = None) -> Store:
    """The caller's store. Raises ApiError 403 if it is not pulled, or not of `platform`."""
    store = get_store(conn, current_store_id())
    if store is None or store.platform not in PLATFORMS or platform not in (None, store.platform):
        raise ApiError("FORBIDDEN", f"this is for stores of {platform or ' and '.join(PLATFORMS)}")
    return store


def start_run(wanted: Wanted, platform: str | None = None) -> UUID:
    """Start a run of the caller's store and wake a worker.

    Raises ApiError: 403 for a store of another platform; 400 for an entity or mode that the platform does not have; 409 while
    another run is in progress (with its id), without credentials, or with nothing to fill; 429 for a store above its quota.
    """
    store_id = current_store_id()
    refuse_full_store()
    with services().pool.connection() as conn, tenant(conn, store_id):
        store = pulled_store(conn, platform)
        found = PLATFORMS[store.platform]
        check_entity(store, wanted.entity, found.pulled)
        if wanted.mode not in found.modes:
            raise ApiError(
                "VALIDATION_ERROR", f"{store.platform} stores are pulled in the modes " + ", ".join(found.modes)
            )
        if not store.has_credentials:
            raise ApiError("CONFLICT", "No access token found: connect the shop first")
        try:
            ticket = start_pull(conn, store_id, store.platform, wanted, g.request_id)
        except AlreadyRunning as other:
            message = f"a sync of {wanted.entity} is in progress: wait for it, or cancel it"
            raise ApiError("CONFLICT", message, details={"jobId": str(other.log_id)}) from None
        except NothingToFill:
            raise ApiError("CONFLICT", f"the coverage of {wanted.entity} has no holes to fill") from None
    services().wake_up.enqueue([ticket])
    note(entity=wanted.entity, mode=wanted.mode, job_id=ticket.log_id)
    return ticket.log_id


def check_entity(store: Store, entity: str, known: Collection[str]) -> None:
    if entity not in known:
        raise ApiError("VALIDATION_ERROR", f"{store.platform} stores have " + ", ".join(known))


def job_answers(conn: Connection, store_id: UUID, logs: Sequence[LogView]) -> list[Job]:
    """Jobs as the API answers them; pulls have their progress. Needs the store's tenant."""
    found = list_progress(conn, store_id, [log.id for log in logs if log.source in PLATFORMS])
    return [job_answer(log, found.get(log.id)) for log in logs]
