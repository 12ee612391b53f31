"""GET /api/sync/status: how much of each entity is stored, and how fresh it is (specification 5)."""

from __future__ import annotations

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.operation import Answer
from app.http.serve import operation
from app.http.services import services
from app.usecases.job_answers import status_answer
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.sync.metadata import list_metadata
from schemas.answers.fields import AnswerData
from schemas.answers.jobs import Status
from schemas.plugin.entities import ENTITIES

blueprint = Blueprint("status", __name__)


@operation(
    blueprint,
    "get",
    "/api/sync/status",
    name="getStatus",
    tag="Jobs",
    summary="How much is stored, and how fresh it is",
    about="Per entity. Of a pulled one `metadata.last_sync_time` is the watermark: what changed before it has been read.",
    access=("read",),
    answers=(Answer(200, "Figures of the store.", Status),),
)
def get_status() -> AnswerData:
    # The figures are kept beside the rows: nothing is counted for this answer.
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        stats, metadata = list_stats(conn, current_store_id()), list_metadata(conn, current_store_id())
    return Status(**{entity: status_answer(stats.get(entity), metadata.get(entity)) for entity in ENTITIES})
