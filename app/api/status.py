"""GET /api/sync/status: how much of each entity is here and how fresh it is (specification 5)."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from app.http.auth import current_store_id, store_required
from app.http.services import services
from app.usecases.job_answers import stats_answer
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.sync.metadata import list_metadata
from schemas.plugin.entities import ENTITIES

blueprint = Blueprint("status", __name__)


@blueprint.get("/api/sync/status")
@store_required
def get_status() -> Response:
    """Figures kept beside the rows; nothing is counted for this answer. For what is pulled, the watermark and its overlap."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        stats, metadata = list_stats(conn, current_store_id()), list_metadata(conn, current_store_id())
    data = {entity: stats_answer(stats.get(entity), metadata.get(entity)) for entity in ENTITIES}
    return jsonify({"success": True, "data": data})
