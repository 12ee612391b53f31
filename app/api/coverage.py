"""/api/sync/coverage and /api/sync/explain: what has been read, what has not, and what became of one record."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from app.api.pulls import started, started_answer
from app.http.auth import current_store_id
from app.http.operation import Answer, Body
from app.http.serve import Reply, operation
from app.http.services import services
from app.usecases.explain import explain, parts_answer
from app.usecases.explain_facts import read_facts
from app.usecases.pulls import check_entity, pulled_store, start_run
from db.core.tenancy import tenant
from db.sync.coverage import Covered, list_coverage, list_covered
from schemas.answers.fields import utc
from schemas.answers.pulls import Coverage, Explanation, Window
from schemas.platforms.registry import PLATFORMS
from schemas.requests.pulls import EntitySchema, RecordQuery
from workers.pulls.start import Wanted
from workers.pulls.watermark import holes

blueprint = Blueprint("coverage", __name__)

ENTRIES = 100


@operation(
    blueprint,
    "get",
    "/api/sync/coverage",
    name="getCoverage",
    tag="Coverage",
    summary="Which changes have been read",
    about="Windows in time, and the holes between them.",
    access=("read",),
    query=EntitySchema,
    answers=(Answer(200, "The ledger of one entity.", Coverage),),
)
def get_coverage(query: dict[str, Any]) -> Coverage:
    store_id, entity = current_store_id(), query["entity"]
    with services().pool.connection() as conn, tenant(conn, store_id):
        covered = list_covered(conn, store_id, entity)
        entries = list_coverage(conn, store_id, entity, ENTRIES)
    return Coverage(
        entity=entity,
        covered=parts_answer(covered),
        holes=parts_answer(holes(covered)),
        covered_until=utc(covered[-1][1]) if covered else None,
        windows=[_window(entry) for entry in entries],
    )


def _window(entry: Covered) -> Window:
    assert entry.recorded_at is not None  # the database fills it in
    return Window(
        from_=utc(entry.covered_from),
        to=utc(entry.covered_until),
        mode=entry.mode,
        job_id=entry.log_id,
        complete=entry.is_complete,
        recorded_at=utc(entry.recorded_at),
    )


@operation(
    blueprint,
    "post",
    "/api/sync/coverage/fill",
    name="fillCoverage",
    tag="Coverage",
    summary="Pull the holes",
    about="All of one entity, in one run. 409 where there is none, or a run is in progress.",
    access=("pull",),
    audit="pull.start",
    body=Body(EntitySchema, {"entity": "orders"}),
    answers=(started_answer(syncMode="fill", jobType="orders"),),
    errors=("STORAGE_FULL", "CONFLICT"),
)
def fill(body: dict[str, Any]) -> Reply:
    entity = body["entity"]
    return started(start_run(Wanted(entity, "fill")), "fill", job_type=entity)


@operation(
    blueprint,
    "get",
    "/api/sync/explain",
    name="explain",
    tag="Coverage",
    summary="What became of one record",
    about="One verdict, with evidence. 400 for an entity that the store's platform does not have.",
    access=("read",),
    query=RecordQuery,
    answers=(Answer(200, "The verdict.", Explanation),),
)
def get_explanation(query: dict[str, Any]) -> Explanation:
    entity = query["entity"]
    with services().pool.connection() as conn, tenant(conn, current_store_id()):
        store = pulled_store(conn)
        check_entity(store, entity, PLATFORMS[store.platform].entities)
        facts = read_facts(conn, store, entity, query["id"])
    return explain(facts)
