"""PUT /api/v1/erp/{products,categories}: the ERP's catalogue in, a batch at a time; the same batch again changes nothing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, store_required
from app.http.body import read_json_body
from app.http.errors import ApiError
from app.http.services import services
from app.usecases.outbound_answers import intake_answer
from db.core.tenancy import tenant
from db.outbound.items import Origin
from schemas.base.strict_json import NotJson, loads
from workers.outbound.intake.catalogue import take_categories, take_products

blueprint = Blueprint("erp", __name__)


@blueprint.put("/api/v1/erp/<any(products,categories):entity>")
@store_required
def put_catalogue(entity: str) -> Response:
    """Keep what is new, and ask for what changed to be sent to the shop: one transaction, committed before the answer."""
    records = _records(entity)
    take = take_products if entity == "products" else take_categories
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        intake = take(conn, store_id, records, Origin({"source": "erp"}))
    if intake.items:
        services().wake_up.push(store_id)
    return jsonify({"success": True, "data": intake_answer(intake)})


def _records(entity: str) -> list[Any]:
    settings = services().settings
    try:
        document = loads(read_json_body(request, settings.max_body_bytes))
    except NotJson as error:
        raise ApiError("INVALID_JSON", str(error)) from None
    records = document.get(entity) if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise ApiError("VALIDATION_ERROR", f"{entity} must be an array")
    if len(records) > settings.max_batch_records:
        raise ApiError("PAYLOAD_TOO_LARGE", f"at most {settings.max_batch_records} records in a batch")
    return records
