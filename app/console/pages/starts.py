"""Starting a sync: the form, a confirmation that says what it will do, and the start."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.console.sessions import current_store, store_page
from app.console.views.modes import modes_of, summary_of
from app.http.errors import ApiError
from app.http.services import services
from app.usecases.pulls import start_run
from db.core.tenancy import tenant
from db.pulls.schedules import list_schedules
from db.sync.metadata import list_metadata
from schemas.platforms.registry import PLATFORMS
from schemas.requests.forms import WrongForm
from schemas.requests.start_form import StartForm, read_start_form
from workers.pulls.start import Wanted


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/start", "start", show_form)
    blueprint.add_url_rule("/<uuid:store_id>/start/confirm", "confirm_start", confirm, methods=["POST"])
    blueprint.add_url_rule("/<uuid:store_id>/start", "start_now", start, methods=["POST"])


@store_page("pull")
def show_form() -> str:
    return _form({"entity": PLATFORMS[current_store().platform].pulled[0], "mode": "incremental"}, {})


@store_page("pull")
def confirm() -> AnyResponse | str | tuple[str, int]:
    try:
        form = _read()
    except WrongForm as error:
        return _form(request.form, error.problems), 400
    sentence = summary_of(current_store().platform, form)
    return render_template("console/start_confirm.html", page="start", form=form, sentence=sentence)


@store_page("pull")
def start() -> AnyResponse | tuple[str, int]:
    try:
        form = _read()
    except WrongForm as error:
        return _form(request.form, error.problems), 400
    wanted = Wanted(form.entity, form.mode, form.days, form.stale_after_mins, max_records=form.max_records)
    try:
        log_id = start_run(wanted)
    except ApiError as error:
        if error.code != "CONFLICT":
            raise
        return _form(request.form, {"": error.message}, (error.details or {}).get("jobId")), 409
    return redirect(url_for("console.log", store_id=current_store().id, log_id=log_id))


def _read() -> StartForm:
    platform = PLATFORMS[current_store().platform]
    return read_start_form(request.form, platform.pulled, platform.modes)


def _form(values: Any, problems: dict[str, str], running: str | None = None) -> str:
    store = current_store()
    with services().pool.connection() as conn, tenant(conn, store.id):
        metadata = list_metadata(conn, store.id)
        scheduled = list_schedules(conn, store.id)
    return render_template(
        "console/start.html",
        page="start",
        entities=PLATFORMS[store.platform].pulled,
        modes=modes_of(store.platform),
        values=values,
        problems=problems,
        running=running,
        metadata=metadata,
        scheduled=scheduled,
    )
