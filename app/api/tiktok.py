"""/api/tiktok/sync: pulls of a TikTok Shop, and how fresh it is, in the words of specification 5."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.api.pulls import started, started_answer
from app.http.auth import current_store_id
from app.http.operation import Answer
from app.http.serve import Reply, operation
from app.http.services import services
from app.usecases.job_answers import status_answer
from app.usecases.pulls import pulled_store, start_run
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.sync.metadata import list_metadata
from schemas.answers.pulls import TiktokStatus
from schemas.platforms.tiktok.descriptor import TIKTOK
from schemas.requests.pulls import TiktokFullQuery, TiktokQuery
from workers.pulls.start import Wanted

blueprint = Blueprint("tiktok", __name__)


@operation(
    blueprint,
    "post",
    "/api/tiktok/sync/<any(orders,products,refunds,variations):entity>",
    name="startTiktokSync",
    tag="TikTok Shop",
    summary="Pull what changed",
    about="Since the watermark; everything where there is none or `force_full` says so.",
    access=("pull",),
    audit="pull.start",
    query=TiktokQuery,
    answers=(started_answer(sync_type="orders_incremental"),),
    errors=("STORAGE_FULL", "CONFLICT"),
)
def sync(entity: str, query: dict[str, Any]) -> Reply:
    return _start(entity, "full" if query["force_full"] else "incremental", query["max_records"])


@operation(
    blueprint,
    "post",
    "/api/tiktok/sync/<any(orders,products,refunds,variations):entity>/full",
    name="startTiktokFullSync",
    tag="TikTok Shop",
    summary="Pull everything",
    about="Whatever has been read before.",
    access=("pull",),
    audit="pull.start",
    query=TiktokFullQuery,
    answers=(started_answer(syncMode="full", sync_type="orders_full"),),
    errors=("STORAGE_FULL", "CONFLICT"),
)
def sync_full(entity: str, query: dict[str, Any]) -> Reply:
    return _start(entity, "full", query["max_records"])


def _start(entity: str, mode: str, max_records: int | None) -> Reply:
    log_id = start_run(Wanted(entity, mode, max_records=max_records), "tiktok")
    return started(log_id, mode, sync_type=f"{entity}_{mode}")


@operation(
    blueprint,
    "get",
    "/api/tiktok/sync/status",
    name="getTiktokStatus",
    tag="TikTok Shop",
    summary="How much is stored, and how fresh it is",
    about="Counts, watermark, overlap and measured lateness.",
    access=("read",),
    answers=(Answer(200, "Figures.", TiktokStatus),),
)
def get_status() -> TiktokStatus:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        pulled_store(conn, "tiktok")
        stats, metadata = list_stats(conn, store_id), list_metadata(conn, store_id)
    return TiktokStatus(**{entity: status_answer(stats.get(entity), metadata.get(entity)) for entity in TIKTOK.pulled})
