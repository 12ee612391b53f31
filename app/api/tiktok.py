"""/api/tiktok/sync: pulls of a TikTok Shop, incremental unless told otherwise, and how fresh it is (specification 5)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, requires
from app.http.errors import ApiError
from app.http.services import services
from app.usecases.job_answers import stats_answer
from app.usecases.pulls import pulled_store, start_run, started
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.sync.metadata import list_metadata
from schemas.platforms.tiktok.descriptor import TIKTOK
from schemas.requests.fields import WrongRequest
from schemas.requests.pulls import TiktokStart, read_tiktok_start
from workers.pulls.start import Wanted

blueprint = Blueprint("tiktok", __name__)


@blueprint.post("/api/tiktok/sync/<any(orders,products):entity>")
@requires("pull")
def sync(entity: str) -> tuple[Response, int, dict[str, str]]:
    """Read what changed since the watermark, or all where there is none or `force_full` says so."""
    asked = _asked()
    return _start(entity, "full" if asked.force_full else "incremental", asked.max_records)


@blueprint.post("/api/tiktok/sync/<any(orders,products):entity>/full")
@requires("pull")
def sync_full(entity: str) -> tuple[Response, int, dict[str, str]]:
    """Read all, whatever has been read before."""
    return _start(entity, "full", _asked().max_records)


def _asked() -> TiktokStart:
    try:
        return read_tiktok_start(request.args)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def _start(entity: str, mode: str, max_records: int | None) -> tuple[Response, int, dict[str, str]]:
    log_id = start_run(Wanted(entity, mode, max_records=max_records), "tiktok")
    return started(log_id, mode, {"sync_type": f"{entity}_{mode}"})


@blueprint.get("/api/tiktok/sync/status")
@requires("read")
def get_status() -> Response:
    """Per entity: how many, how fresh, and the watermark with its overlap."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        pulled_store(conn, "tiktok")
        stats, metadata = list_stats(conn, store_id), list_metadata(conn, store_id)
    data = {entity: stats_answer(stats.get(entity), metadata.get(entity)) for entity in TIKTOK.pulled}
    return jsonify({"success": True, "data": data})
