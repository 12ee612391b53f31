"""/api/shopify/sync/jobs: pulls of a Shopify store in its modes (specification 4)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, store_required
from app.http.body import read_json_body
from app.http.errors import ApiError, not_found
from app.http.paging import last_before_more, read_query, write_cursor
from app.http.services import services
from app.usecases.pulls import job_answers, pulled_store, start_run, started
from db.core.tenancy import tenant
from db.sync.logs import LogFilter, get_log, list_logs
from schemas.requests.fields import WrongRequest
from schemas.requests.lists import RowsQuery
from schemas.requests.pulls import ShopifyStart, read_shopify_start
from workers.pulls.start import Wanted

blueprint = Blueprint("shopify", __name__)

ROWS = RowsQuery()


@blueprint.post("/api/shopify/sync/jobs/start")
@store_required
def start_job() -> tuple[Response, int, dict[str, str]]:
    """Start a run. 400 for fields that do not fit the mode, 409 while another of the same kind runs."""
    try:
        asked = read_shopify_start(read_json_body(request, services().settings.max_body_bytes))
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None
    log_id = start_run(_wanted(asked), "shopify")
    return started(log_id, asked.mode, {"jobType": asked.job_type})


def _wanted(asked: ShopifyStart) -> Wanted:
    return Wanted(
        entity=asked.job_type,
        mode=asked.mode,
        days=asked.days,
        stale_after_mins=asked.stale_after_mins,
        full_scan=asked.full_scan,
    )


@blueprint.get("/api/shopify/sync/jobs")
@store_required
def list_jobs() -> Response:
    """Runs newest first, a page at a time, each with its mode, counts and progress."""
    asked, store_id = read_query(ROWS, request.args), current_store_id()
    size, cursor = asked["limit"], asked["cursor"]
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, source="shopify")
    with services().pool.connection() as conn, tenant(conn, store_id):
        pulled_store(conn, "shopify")
        logs = list_logs(conn, store_id, wanted, size + 1)
        jobs = job_answers(conn, logs[:size])
    last = last_before_more(logs, size)
    more = write_cursor(str(last.accepted_seq)) if last else None
    return jsonify({"success": True, "data": {"jobs": jobs, "nextCursor": more}})


@blueprint.get("/api/shopify/sync/jobs/<uuid:log_id>")
@store_required
def get_job(log_id: UUID) -> Response:
    """One run; 404 for a batch of the plugin, too."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
        if log is None or log.source != "shopify":
            raise not_found()
        data: dict[str, Any] = job_answers(conn, [log])[0]
    return jsonify({"success": True, "data": data})
