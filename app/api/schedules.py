"""/api/sync/schedules: when each entity of a store is pulled."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from app.http.auth import current_store_id, requires
from app.http.body import SMALL_BODY, parse_json_body
from app.http.errors import ApiError, not_found
from app.http.services import services
from app.usecases.pulls import check_entity, pulled_store
from app.usecases.schedules import make_schedule, schedule_answer
from db.core.tenancy import tenant
from db.pulls.schedules import delete_schedule, list_schedules, put_schedule
from schemas.platforms.registry import PLATFORMS
from schemas.requests.fields import WrongRequest
from schemas.requests.pulls import ScheduleRequest, read_schedule
from workers.core.timing import Timing, WrongSchedule

blueprint = Blueprint("schedules", __name__)


@blueprint.get("/api/sync/schedules")
@requires("read")
def get_schedules() -> Response:
    """One entry for each entity that has a schedule."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        found = list_schedules(conn, current_store_id())
    return jsonify({"success": True, "data": {"schedules": [schedule_answer(schedule) for schedule in found]}})


@blueprint.put("/api/sync/schedules/<any(orders,products,customers):entity>")
@requires("pull")
def put(entity: str) -> Response:
    """Set an entity's schedule, in the place of one it has. 400 for one that can't be followed."""
    try:
        asked = parse_json_body(request, SMALL_BODY, read_schedule)
        schedule = make_schedule(entity, asked.mode, asked.stale_after_mins, _timing(asked))
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None
    except WrongSchedule as error:
        raise ApiError("VALIDATION_ERROR", f"{error}") from None
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        store = pulled_store(conn)
        check_entity(store, entity, PLATFORMS[store.platform].pulled)
        put_schedule(conn, current_store_id(), schedule)
    return jsonify({"success": True, "data": schedule_answer(schedule)})


def _timing(asked: ScheduleRequest) -> Timing:
    return Timing(asked.cron, asked.every_seconds)


@blueprint.delete("/api/sync/schedules/<any(orders,products,customers):entity>")
@requires("pull")
def delete(entity: str) -> Response:
    """End an entity's schedule; a run in progress goes on. 404 where there is none."""
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        if not delete_schedule(conn, current_store_id(), entity):
            raise not_found()
    return jsonify({"success": True, "data": {"entity": entity, "deleted": True}})
