"""Explains why a record is missing or different: a verdict, its evidence, and the coverage of the entity."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from app.console.sessions import current_store, store_page
from app.http.services import services
from app.usecases.explain import explain
from app.usecases.explain_facts import read_facts
from db.core.tenancy import tenant
from db.insight.explain import get_values
from db.sync.coverage import list_covered
from schemas.platforms.registry import PLATFORMS
from schemas.requests.pulls import WrongRequest, read_entity, read_external_id
from workers.pulls.watermark import holes

TITLES = {
    "stored": "The record is stored.",
    "stale": "A newer version than the last one received is stored.",
    "skipped": "The record was received and skipped.",
    "not_reachable": "The platform does not give access to the record.",
    "outside_coverage": "The record was not received, and part of the history isn't imported.",
    "never_seen": "The platform never returned the record.",
}
ADVICE = {
    "stored": "",
    "stale": "You need not do anything. An older version never replaces a newer one.",
    "skipped": "Correct the field in the shop. The record is sent again with its next change, or with a new sync.",
    "not_reachable": "Request the scope read_all_orders, then sync everything.",
    "outside_coverage": "Import the missing ranges, or sync everything.",
    "never_seen": "Check the number, and that the record belongs to this shop.",
}
LINES_SHOWN = 50
RESEND = "Resend it from the plugin."
NO_NUMBER = "Enter the record's number in the shop, for example 1001."
NO_ENTITY = "Choose the type of record."


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/explain", "explain", show_explanation)


@store_page("read")
def show_explanation() -> str | tuple[str, int]:
    asked = {name: request.args.get(name, "").strip() for name in ("entity", "id")}
    if not asked["id"]:
        return _page(asked, _coverage(asked["entity"]))
    store = current_store()
    try:
        entity, external_id = read_entity(asked), read_external_id(asked)
    except WrongRequest as error:
        return _page(asked, {"wrong": NO_NUMBER if error.message.startswith("id ") else NO_ENTITY}), 400
    if entity not in PLATFORMS[store.platform].entities:
        return _page(asked, {"wrong": NO_ENTITY}), 400
    with services().pool.connection() as conn, tenant(conn, store.id):
        answer = explain(read_facts(conn, store, entity, external_id))
        values = get_values(conn, store.id, entity, external_id, LINES_SHOWN)
    verdict = answer.verdict
    advice = RESEND if verdict == "outside_coverage" and PLATFORMS[store.platform].posted else ADVICE[verdict]
    explanation = {"answer": answer, "title": TITLES[verdict], "advice": advice, "values": values}
    return _page(asked, explanation | _coverage(entity))


def _coverage(entity: str) -> dict[str, Any]:
    store = current_store()
    entities = PLATFORMS[store.platform].entities
    named = entity if entity in entities else entities[0]
    with services().pool.connection() as conn, tenant(conn, store.id):
        covered = list_covered(conn, store.id, named)
    return {"entity": named, "covered": covered, "gaps": holes(covered)}


def _page(asked: dict[str, str], more: dict[str, Any]) -> str:
    entities = PLATFORMS[current_store().platform].entities
    return render_template("console/explain.html", page="explain", asked=asked, entities=entities, **more)
