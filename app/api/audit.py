"""GET /api/v1/audit: who changed what in the caller's store."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, requires
from app.usecases.audit_answers import event_answer
from app.usecases.audit_pages import read_page

blueprint = Blueprint("audit", __name__)


@blueprint.get("/api/v1/audit")
@requires("admin")
def list_audit() -> Response:
    """Newest first, a page at a time, filtered."""
    page = read_page(request.args, current_store_id())
    data = {"events": [event_answer(event) for event in page.events], "nextCursor": page.more}
    return jsonify({"success": True, "data": data})
