"""The page of a store with its tokens, credentials and schedules, and the page for a new store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.audit.notes import note
from app.console.sessions import caller, current_store, may_administer, operator_page, store_page
from app.console.views.modes import modes_of
from app.http.errors import ApiError, not_found
from app.http.scopes import CUSTOM, PRESETS, SCOPES, grant_of
from app.http.services import services
from app.usecases.schedules import make_schedule
from app.usecases.stores import Origin, add_token, create_store, rotate_token, set_credentials
from db.core.tenancy import tenant
from db.pulls.schedules import delete_schedule, list_schedules, put_schedule
from db.stores.tokens import list_tokens, revoke_token
from schemas.platforms.registry import PLATFORMS
from schemas.requests.forms import WrongForm
from schemas.requests.modes import SCHEDULED_MODES
from schemas.requests.store_forms import (
    read_credentials_form,
    read_schedule_form,
    read_store_form,
    read_token_form,
)
from workers.core.timing import Timing, WrongSchedule

TOKENS_SHOWN = 50
GRACE_HOURS = (0, 1, 24, 168)

Page = AnyResponse | str | tuple[str, int]


def add_pages(blueprint: Blueprint) -> None:
    root = "/<uuid:store_id>/store"
    post = ["POST"]
    blueprint.add_url_rule(root, "store", show_store)
    blueprint.add_url_rule(f"{root}/tokens", "create_token", create_token, methods=post)
    blueprint.add_url_rule(f"{root}/tokens/rotate", "rotate_token", rotate, methods=post)
    blueprint.add_url_rule(f"{root}/tokens/<uuid:token_id>/revoke", "revoke_token", revoke, methods=post)
    blueprint.add_url_rule(f"{root}/credentials", "put_credentials", put_credentials, methods=post)
    blueprint.add_url_rule(f"{root}/schedules", "put_schedule", put_store_schedule, methods=post)
    blueprint.add_url_rule(f"{root}/schedules/<entity>/remove", "remove_schedule", remove_schedule, methods=post)
    blueprint.add_url_rule("/stores/new", "new_store", show_new_store)
    blueprint.add_url_rule("/stores/new", "create_store", create_new_store, methods=post)


@store_page("read")
def show_store() -> str:
    return _page()


def _page(**more: Any) -> str:
    # `form` names the form that `problems` and `values` belong to.
    store = current_store()
    with services().pool.connection() as conn, tenant(conn, store.id):
        tokens = list_tokens(conn, store.id, TOKENS_SHOWN) if may_administer() else []
        schedules = list_schedules(conn, store.id)
    defaults: dict[str, Any] = {"form": None, "values": {}, "problems": {}, "new_token": None}
    return render_template(
        "console/store.html",
        page="store",
        tokens=tokens,
        schedules=schedules,
        presets=PRESETS,
        custom=CUSTOM,
        scopes=SCOPES,
        grace_hours=GRACE_HOURS,
        credential_fields=PLATFORMS[store.platform].credentials,
        entities=PLATFORMS[store.platform].pulled,
        modes=[mode for mode in modes_of(store.platform) if mode.name in SCHEDULED_MODES],
        **(defaults | more),
    )


@store_page("admin")
def create_token() -> Page:
    # No redirect: the token is shown in this response only.
    try:
        asked = read_token_form(request.form, request.form.getlist("scopes"), PRESETS, CUSTOM, SCOPES)
    except WrongForm as error:
        return _page(form="token", values=request.form, problems=error.problems), 400
    grant = grant_of(asked.role, asked.scopes)
    note(role=grant.role)
    lifetime = None if asked.days is None else timedelta(days=asked.days)
    with services().pool.connection() as conn:
        token = add_token(conn, current_store().id, grant, Origin(_creator(), asked.label, lifetime))
    if token is None:
        raise not_found()
    return _page(new_token=token, new_role=grant.role)


def _creator() -> str:
    return f"token {caller().token_id}"


@store_page("admin")
def rotate() -> Page:
    role, grace = request.form.get("role", ""), request.form.get("grace_hours", "")
    if role not in PRESETS:
        raise ApiError("VALIDATION_ERROR", "Choose what the token is for: " + " or ".join(PRESETS) + ".")
    note(role=role)
    if grace not in {str(hours) for hours in GRACE_HOURS}:
        raise ApiError("VALIDATION_ERROR", "Choose how long the old token stays valid.")
    with services().pool.connection() as conn:
        grace_time = timedelta(hours=int(grace))
        token = rotate_token(conn, current_store().id, role, grace_time, created_by=_creator())
    if token is None:
        raise not_found()
    return _page(new_token=token, new_role=role)


@store_page("admin")
def revoke(token_id: UUID) -> AnyResponse:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        if not revoke_token(conn, store_id, token_id):
            raise ApiError("CONFLICT", "This token is already revoked or expired, or belongs to another store.")
    return _back("revoked")


@store_page("admin")
def put_credentials() -> Page:
    store, secret_key = current_store(), services().settings.secret_key
    if secret_key is None:
        raise ApiError("CONFLICT", "Credentials can't be stored: SECRET_KEY is not set.")
    try:
        credentials = read_credentials_form(request.form, store.platform)
    except WrongForm as error:
        return _page(form="credentials", problems=error.problems), 400
    with services().pool.connection() as conn:
        set_credentials(conn, secret_key, store.id, credentials)
    return _back("credentials")


@store_page("pull")
def put_store_schedule() -> Page:
    store = current_store()
    platform = PLATFORMS[store.platform]
    modes = [mode for mode in platform.modes if mode in SCHEDULED_MODES]
    try:
        asked = read_schedule_form(request.form, platform.pulled, modes)
        timing = Timing(asked.cron, asked.every_seconds)
        schedule = make_schedule(asked.entity, asked.mode, asked.stale_after_mins, timing)
    except WrongForm as error:
        return _page(form="schedule", values=request.form, problems=error.problems), 400
    except WrongSchedule as error:
        return _page(form="schedule", values=request.form, problems={"cron": f"{error}".capitalize() + "."}), 400
    with services().pool.connection() as conn, tenant(conn, store.id):
        put_schedule(conn, store.id, schedule)
    note(entity=schedule.entity, mode=schedule.mode)
    return _back("scheduled")


@store_page("pull")
def remove_schedule(entity: str) -> AnyResponse:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        if not delete_schedule(conn, store_id, entity):
            raise not_found()
    return _back("unscheduled")


def _back(done: str) -> AnyResponse:
    return redirect(url_for("console.store", store_id=current_store().id, done=done))


@operator_page
def show_new_store() -> str:
    return render_template("console/new_store.html", page="all", values={}, problems={}, platforms=PLATFORMS)


@operator_page
def create_new_store() -> Page:
    try:
        asked = read_store_form(request.form)
    except WrongForm as error:
        values = request.form
        page = render_template(
            "console/new_store.html", page="all", values=values, problems=error.problems, platforms=PLATFORMS
        )
        return page, 400
    with services().pool.connection() as conn:
        made = create_store(conn, asked.name, asked.platform, asked.url, "admin", created_by=_creator())
    note(store_id=made.store_id)
    return render_template("console/store_made.html", page="all", made=made, name=asked.name)
