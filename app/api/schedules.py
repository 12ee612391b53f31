"""/api/sync/schedules: when each entity of a store is pulled."""

from __future__ import annotations

from flask import Blueprint

from app.http.auth import current_store_id
from app.http.errors import ApiError, not_found
from app.http.operation import Answer, Body, Link
from app.http.serve import operation
from app.http.services import services
from app.usecases.pulls import check_entity, pulled_store
from app.usecases.schedules import make_schedule, schedule_answer
from db.core.tenancy import tenant
from db.pulls.schedules import delete_schedule, list_schedules, put_schedule
from schemas.answers.pulls import DeletedSchedule, ScheduleAnswer, Schedules
from schemas.platforms.registry import PLATFORMS
from schemas.requests.pulls import ScheduleRequest, ScheduleSchema, read_schedule
from workers.core.timing import Timing, WrongSchedule

blueprint = Blueprint("schedules", __name__)


@operation(
    blueprint,
    "get",
    "/api/sync/schedules",
    name="listSchedules",
    tag="Schedules",
    summary="List schedules",
    about="One for each entity that has one.",
    access=("read",),
    answers=(Answer(200, "All of them.", Schedules),),
)
def get_schedules() -> Schedules:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        found = list_schedules(conn, current_store_id())
    return Schedules([schedule_answer(schedule) for schedule in found])


@operation(
    blueprint,
    "put",
    "/api/sync/schedules/<any(orders,products,customers):entity>",
    name="putSchedule",
    tag="Schedules",
    summary="Set an entity's schedule",
    about="Either `cron` (five fields, UTC) or `everySeconds`. 400 for an entity that the store's platform does not have.",
    access=("pull",),
    audit="schedule.set",
    body=Body(ScheduleSchema, {"cron": "*/15 * * * *"}, read=read_schedule),
    answers=(
        Answer(
            200,
            "The schedule.",
            ScheduleAnswer,
            links=(Link("deleteSchedule", {"entity": "$response.body#/data/entity"}),),
        ),
    ),
)
def put(entity: str, body: ScheduleRequest) -> ScheduleAnswer:
    try:
        schedule = make_schedule(entity, body.mode, body.stale_after_mins, Timing(body.cron, body.every_seconds))
    except WrongSchedule as error:
        raise ApiError("VALIDATION_ERROR", f"{error}") from None
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        store = pulled_store(conn)
        check_entity(store, entity, PLATFORMS[store.platform].pulled)
        put_schedule(conn, current_store_id(), schedule)
    return schedule_answer(schedule)


@operation(
    blueprint,
    "delete",
    "/api/sync/schedules/<any(orders,products,customers):entity>",
    name="deleteSchedule",
    tag="Schedules",
    summary="End an entity's schedule",
    about="A run in progress goes on. 404 where there is none.",
    access=("pull",),
    audit="schedule.remove",
    answers=(Answer(200, "It was removed.", DeletedSchedule),),
    errors=("NOT_FOUND",),
)
def delete(entity: str) -> DeletedSchedule:
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        if not delete_schedule(conn, current_store_id(), entity):
            raise not_found()
    return DeletedSchedule(entity, deleted=True)
