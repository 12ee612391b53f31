"""/api/shopify/sync/jobs: pulls of a Shopify store in the words of specification 4."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint

from app.api.pulls import STEERING, started, started_answer
from app.http.auth import current_store_id
from app.http.errors import not_found
from app.http.operation import Answer, Body, Place
from app.http.paging import last_before_more, write_cursor
from app.http.serve import Reply, operation
from app.http.services import services
from app.usecases.pulls import job_answers, pulled_store, start_run
from db.core.tenancy import tenant
from db.sync.logs import LogFilter, get_log, list_logs
from schemas.answers.jobs import Job, Pulls
from schemas.requests.lists import RowsQuery
from schemas.requests.pulls import ShopifyStart, ShopifyStartSchema, read_shopify_start
from workers.pulls.start import Wanted

blueprint = Blueprint("shopify", __name__)

PULL = {"source": "shopify", "syncMode": "populate"}


@operation(
    blueprint,
    "post",
    "/api/shopify/sync/jobs/start",
    name="startShopifyJob",
    tag="Shopify",
    summary="Start a pull of a Shopify store",
    about="Without `syncMode` all is read and applied. `populate` adds what is missing: of the last `days`, or by"
    " `fullScan` all. `update` reads what changed in the last `staleAfterMins`. One run of an entity at a"
    " time: 409 names the one in progress, and answers also where the shop is not connected.",
    access=("pull",),
    audit="pull.start",
    body=Body(ShopifyStartSchema, {"jobType": "orders", "syncMode": "populate", "days": 30}, read=read_shopify_start),
    answers=(started_answer(*STEERING, "getShopifyJob", syncMode="populate", jobType="orders"),),
    errors=("STORAGE_FULL", "CONFLICT"),
)
def start_job(body: ShopifyStart) -> Reply:
    wanted = Wanted(
        entity=body.job_type,
        mode=body.mode,
        days=body.days,
        stale_after_mins=body.stale_after_mins,
        full_scan=body.full_scan,
    )
    return started(start_run(wanted, "shopify"), body.mode, job_type=body.job_type)


@operation(
    blueprint,
    "get",
    "/api/shopify/sync/jobs",
    name="listShopifyJobs",
    tag="Shopify",
    summary="List pulls of a Shopify store",
    about="Newest first, with progress and time left.",
    access=("read",),
    query=RowsQuery,
    answers=(Answer(200, "A page.", Pulls, whole=True, example={"nextCursor": None}),),
)
def list_jobs(query: dict[str, Any]) -> Pulls:
    store_id, size, cursor = current_store_id(), query["limit"], query["cursor"]
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, source="shopify")
    with services().pool.connection() as conn, tenant(conn, store_id):
        pulled_store(conn, "shopify")
        logs = list_logs(conn, store_id, wanted, size + 1)
        jobs = job_answers(conn, store_id, logs[:size])
    last = last_before_more(logs, size)
    return Pulls(jobs, write_cursor(str(last.accepted_seq)) if last else None)


@operation(
    blueprint,
    "get",
    "/api/shopify/sync/jobs/<uuid:log_id>",
    name="getShopifyJob",
    tag="Shopify",
    summary="One pull of a Shopify store",
    about="404 also for a job of another source.",
    access=("read",),
    places={"log_id": Place("`jobId` of a start", name="jobId")},
    answers=(Answer(200, "The run.", Job, whole=True, example=PULL),),
    errors=("NOT_FOUND",),
)
def get_job(log_id: UUID) -> Job:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
        if log is None or log.source != "shopify":
            raise not_found()
        (job,) = job_answers(conn, store_id, [log])
    return job
