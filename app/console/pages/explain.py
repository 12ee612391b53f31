"""Why is a record not here, or not as expected: one verdict, its evidence, and what has been read at all."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from app.console.sessions import current_store, store_page
from app.http.services import services
from app.usecases.explain import explain
from app.usecases.explain_facts import read_facts
from db.core.tenancy import tenant
from db.sync.coverage import list_covered
from schemas.platforms.registry import PLATFORMS
from schemas.requests.pulls import WrongRequest, read_entity, read_external_id
from workers.pulls.watermark import holes

TITLES = {
    "stored": "It is here.",
    "stale": "It is here, in a newer version than the one that came last.",
    "skipped": "It came, and was skipped.",
    "not_reachable": "The platform does not show it.",
    "outside_coverage": "It has not been met, and not everything has been read yet.",
    "never_seen": "The platform never showed it.",
}
ADVICE = {
    "stored": "",
    "stale": "Nothing needs to be done: an older version never replaces a newer one.",
    "skipped": "Correct the field in the shop and sync again: the record comes along with its next change.",
    "not_reachable": "Ask for the scope read_all_orders, then sync everything.",
    "outside_coverage": "Start a sync that closes the holes, or one of everything.",
    "never_seen": "Check the number, and whether the record belongs to this shop.",
}
NO_NUMBER = "Write the number that the shop gave the record, for example 1001."
NO_KIND = "Choose what kind of record it is."


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/explain", "explain", show_explanation)


@store_page("read")
def show_explanation() -> str | tuple[str, int]:
    """The form alone, or with a verdict about what was asked."""
    asked = {name: request.args.get(name, "").strip() for name in ("entity", "id")}
    if not asked["id"]:
        return _page(asked, _coverage(asked["entity"]))
    store = current_store()
    try:
        entity, external_id = read_entity(asked), read_external_id(asked)
    except WrongRequest as error:
        return _page(asked, {"wrong": NO_NUMBER if error.message.startswith("id ") else NO_KIND}), 400
    if entity not in PLATFORMS[store.platform].entities:
        return _page(asked, {"wrong": NO_KIND}), 400
    with services().pool.connection() as conn, tenant(conn, store.id):
        answer = explain(read_facts(conn, store, entity, external_id))
    verdict = answer.verdict
    told = {"answer": answer, "title": TITLES[verdict], "advice": ADVICE[verdict]}
    return _page(asked, told | _coverage(entity))


def _coverage(entity: str) -> dict[str, Any]:
    """What has been read of an entity, and what has not."""
    store = current_store()
    entities = PLATFORMS[store.platform].entities
    named = entity if entity in entities else entities[0]
    with services().pool.connection() as conn, tenant(conn, store.id):
        covered = list_covered(conn, store.id, named)
    return {"entity": named, "covered": covered, "holes": holes(covered)}


def _page(asked: dict[str, str], more: dict[str, Any]) -> str:
    entities = PLATFORMS[current_store().platform].entities
    return render_template("console/explain.html", page="explain", asked=asked, entities=entities, **more)
