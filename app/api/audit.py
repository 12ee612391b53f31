"""GET /api/v1/audit: who changed what in the caller's store."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.operation import Answer
from app.http.serve import operation
from app.usecases.audit_answers import event_answer
from app.usecases.audit_pages import read_page
from schemas.answers.audit import AuditPage
from schemas.requests.audit import AuditQuery

blueprint = Blueprint("audit", __name__)


@operation(
    blueprint,
    "get",
    "/api/v1/audit",
    name="listAuditEvents",
    tag="Audit",
    summary="Who changed what",
    about="Newest first, a page at a time. `action` is one action, `actor` one actor or a kind of actor; `from` is"
    " included, `to` is not.",
    access=("admin",),
    query=AuditQuery,
    answers=(Answer(200, "A page.", AuditPage),),
)
def list_audit(query: dict[str, Any]) -> AuditPage:
    page = read_page(query, current_store_id())
    return AuditPage([event_answer(event) for event in page.events], page.more)
