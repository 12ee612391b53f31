"""The audit trail: of one store for its admins, of all stores for operators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from app.audit.actions import all_actions
from app.console.sessions import current_store, operator_page, store_page
from app.http.paging import read_query
from app.usecases.audit_pages import read_page
from schemas.requests.audit import AuditQuery

KINDS = {
    "token": "a token of the API",
    "session": "a session of the console",
    "command": "the command line",
    "schedule": "a schedule",
    "unknown": "unknown",
}
AUDIT = AuditQuery()
FILTERS = ("action", "actor", "from", "to")


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/audit", "audit", show_store)
    blueprint.add_url_rule("/audit", "audit_of_all", show_all)


@store_page("admin")
def show_store() -> str:
    return render_template("console/audit.html", page="audit", **_trail(current_store().id))


@operator_page
def show_all() -> str:
    return render_template("console/audit.html", page="audit_of_all", **_trail(None))


def _trail(store_id: UUID | None) -> dict[str, Any]:
    # The form sends empty fields, too.
    given = {name: value.strip() for name, value in request.args.items() if value.strip()}
    found = read_page(read_query(AUDIT, given), store_id)
    return {
        "events": found.events,
        "more": found.more,
        "is_first": "cursor" not in given,
        "filters": {name: given[name] for name in FILTERS if name in given},
        "actions": all_actions(),
        "kinds": KINDS,
    }
