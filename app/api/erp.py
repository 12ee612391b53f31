"""PUT /api/v1/erp/{products,categories}: the ERP's catalogue in, a batch at a time; the same batch again changes nothing."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.audit.notes import note
from app.http.auth import current_store_id, requires
from app.http.body import batch_limits, parse_json_body
from app.http.errors import ApiError
from app.http.quota import refuse_full_store
from app.http.services import services
from app.usecases.outbound_answers import intake_answer
from db.core.tenancy import tenant
from db.outbound.items import Origin
from schemas.base.json_bounds import TooMuch
from schemas.base.json_records import NoRecords, Records, read_records
from schemas.base.strict_json import NotJson
from workers.outbound.intake.catalogue import take_categories, take_products

blueprint = Blueprint("erp", __name__)


@blueprint.put("/api/v1/erp/<any(products,categories):entity>")
@requires("erp")
def put_catalogue(entity: str) -> Response:
    """Keep what is new, and ask for what changed to be sent to the shop: one transaction, committed before the answer."""
    refuse_full_store()
    try:
        return _take(entity, _records(entity))
    except NotJson as error:
        raise ApiError("INVALID_JSON", f"{error}") from None
    except TooMuch as error:
        raise ApiError("PAYLOAD_TOO_LARGE", f"{error}") from None


def _take(entity: str, records: Records) -> Response:
    """Each record is parsed as it is validated; where one is no JSON, nothing of the batch is kept."""
    take = take_products if entity == "products" else take_categories
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        intake = take(conn, store_id, records, Origin({"source": "erp"}))
    note(records=intake.received)
    if intake.items:
        services().wake_up.push(store_id)
    return jsonify({"success": True, "data": intake_answer(intake)})


def _records(entity: str) -> Records:
    settings = services().settings
    most = settings.max_batch_records
    try:
        return parse_json_body(request, batch_limits(settings, most), lambda body: read_records(body, entity, most))
    except NoRecords:
        raise ApiError("VALIDATION_ERROR", f"{entity} must be an array") from None
