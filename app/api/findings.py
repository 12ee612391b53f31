"""/api/sync/findings: orders that do not add up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.operation import Answer
from app.http.serve import operation
from app.http.services import services
from app.usecases.order_findings import read_findings
from db.core.tenancy import tenant
from schemas.answers.findings import OrderFindings
from schemas.requests.lists import FindingsQuery

blueprint = Blueprint("findings", __name__)


@operation(
    blueprint,
    "get",
    "/api/sync/findings",
    name="listFindings",
    tag="Coverage",
    summary="Orders that do not add up",
    about="Each with what it states and what its lines or refunds sum up to, the highest order first. A finding goes when its"
    " order adds up.",
    access=("read",),
    query=FindingsQuery,
    answers=(Answer(200, "A page.", OrderFindings),),
)
def list_order_findings(query: dict[str, Any]) -> OrderFindings:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        return read_findings(conn, store_id, query["cursor"], query["limit"])
