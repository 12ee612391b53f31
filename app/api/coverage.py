"""/api/sync/coverage and /api/sync/explain: what has been read, what has not, and what became of one record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, requires
from app.http.body import SMALL_BODY, parse_json_body
from app.http.errors import ApiError
from app.http.services import services
from app.usecases.explain import explain, parts_answer
from app.usecases.explain_facts import read_known
from app.usecases.job_answers import moment
from app.usecases.pulls import check_entity, pulled_store, start_run, started
from db.core.tenancy import tenant
from db.sync.coverage import Covered, list_coverage, list_covered
from schemas.platforms.registry import PLATFORMS
from schemas.requests.fields import WrongRequest, read_object
from schemas.requests.pulls import read_entity, read_external_id
from workers.pulls.start import Wanted
from workers.pulls.watermark import holes

blueprint = Blueprint("coverage", __name__)
T = TypeVar("T")

ENTRIES = 100


@blueprint.get("/api/sync/coverage")
@requires("read")
def get_coverage() -> Response:
    """What is covered, the holes, and the newest entries of the ledger."""
    store_id, entity = current_store_id(), _read(read_entity, request.args)
    with services().pool.connection() as conn, tenant(conn, store_id):
        covered = list_covered(conn, store_id, entity)
        entries = list_coverage(conn, store_id, entity, ENTRIES)
    data = {
        "entity": entity,
        "covered": parts_answer(covered),
        "holes": parts_answer(holes(covered)),
        "coveredUntil": moment(covered[-1][1]) if covered else None,
        "windows": [_entry_answer(entry) for entry in entries],
    }
    return jsonify({"success": True, "data": data})


def _entry_answer(entry: Covered) -> dict[str, Any]:
    return {
        "from": moment(entry.covered_from),
        "to": moment(entry.covered_until),
        "mode": entry.mode,
        "jobId": str(entry.log_id),
        "complete": entry.is_complete,
        "recordedAt": moment(entry.recorded_at),
    }


@blueprint.post("/api/sync/coverage/fill")
@requires("pull")
def fill() -> tuple[Response, int, dict[str, str]]:
    """Pull the holes of one entity, in one run. 409 where there is none."""
    entity = _read(read_entity, parse_json_body(request, SMALL_BODY, lambda body: _read(read_object, body)))
    return started(start_run(Wanted(entity, "fill")), "fill", {"jobType": entity})


@blueprint.get("/api/sync/explain")
@requires("read")
def get_explanation() -> Response:
    """One verdict about one record, with evidence. 400 for an entity that the store's platform has not."""
    entity, external_id = _read(read_entity, request.args), _read(read_external_id, request.args)
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        store = pulled_store(conn)
        check_entity(store, entity, PLATFORMS[store.platform].entities)
        known = read_known(conn, store, entity, external_id)
    data = {"entity": entity, "id": str(external_id), **explain(known)}
    return jsonify({"success": True, "data": data})


def _read(read: Callable[[Any], T], sent: Any) -> T:
    try:
        return read(sent)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None
