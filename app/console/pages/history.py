"""The sync history and the page of one sync, with its skipped records and actions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.console.sessions import caller, current_store, store_page
from app.console.views.logs import LogRow, read_rows, timeline_of
from app.http.auth import check_scopes
from app.http.errors import ApiError
from app.http.paging import last_before_more, read_cursor, write_cursor
from app.http.services import services
from app.usecases.job_actions import cancel, existing, pause, resume, retry
from app.usecases.record_errors import download_csv, read_record_errors, read_unlisted_errors
from db.core.tenancy import tenant
from db.sync.logs import LogFilter, get_log, list_logs, newest_before
from db.sync.payloads import has_payload
from db.sync.record_errors import FROM_THE_START
from schemas.answers.jobs import Job
from schemas.plugin.entities import ENTITIES
from schemas.requests.lists import ALL_MODES, SOURCES, STATUSES
from workers.core.ids import first_id_of

LOGS_SHOWN = 50
ERRORS_SHOWN = 50
MOST_SEARCHED = 1000
BEFORE_ALL = -(2**62)  # as a cursor: below every log
PART_OF_ID = re.compile(r"[0-9a-f-]{6,36}")
CHOICES = {"status": STATUSES, "entity": tuple(ENTITIES), "source": SOURCES, "mode": ALL_MODES}
ACTIONS: dict[str, Callable[[UUID, UUID], Job]] = {
    "retry": retry,
    "cancel": cancel,
    "pause": pause,
    "resume": resume,
}
OF_PULLS = ("pause", "resume")


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/<uuid:store_id>/history", "history", show_history)
    blueprint.add_url_rule("/<uuid:store_id>/history/rows", "history_rows", show_rows)
    blueprint.add_url_rule("/<uuid:store_id>/logs/<uuid:log_id>", "log", show_log)
    blueprint.add_url_rule("/<uuid:store_id>/logs/<uuid:log_id>/live", "log_live", show_log_live)
    blueprint.add_url_rule("/<uuid:store_id>/logs/<uuid:log_id>/skipped.csv", "log_skipped", download_skipped)
    blueprint.add_url_rule(
        "/<uuid:store_id>/logs/<uuid:log_id>/<any(retry,cancel,pause,resume):action>",
        "act_on_log",
        act_on_log,
        methods=["POST"],
    )


@store_page("read")
def show_history() -> str:
    return render_template("console/history.html", page="history", choices=CHOICES, **_history())


@store_page("read")
def show_rows() -> str:
    return render_template("console/_history_rows.html", **_history())


def _history() -> dict[str, Any]:
    cursor = read_cursor(request.args)
    filters = {name: _choice(name, allowed) for name, allowed in CHOICES.items()}
    part, until = _part_of_id(), _until()
    wanted = LogFilter(before=int(cursor[0]) if cursor else None, **filters)
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        if until is not None and cursor is None:
            newest = newest_before(conn, store_id, first_id_of(until + timedelta(days=1)))
            wanted = replace(wanted, before=BEFORE_ALL if newest is None else newest + 1)
        if part:
            found = [log for log in list_logs(conn, store_id, wanted, MOST_SEARCHED) if str(log.id).endswith(part)]
        else:
            found = list_logs(conn, store_id, wanted, LOGS_SHOWN + 1)
        rows = read_rows(conn, found[:LOGS_SHOWN])
    last = None if part else last_before_more(found, LOGS_SHOWN)
    more = write_cursor(str(last.accepted_seq)) if last else None
    searched = {"id": part, "until": f"{until:%Y-%m-%d}" if until else ""}
    return {
        "rows": rows,
        "filters": {name: value for name, value in (filters | searched).items() if value},
        "more": more,
        "is_first": cursor is None,
    }


def _part_of_id() -> str:
    """A whole id, or its last characters, which are looked up among the newest syncs."""
    part = request.args.get("id", "").strip().lstrip("…").lower()
    if part and not PART_OF_ID.fullmatch(part):
        raise ApiError("VALIDATION_ERROR", "Enter the id of a sync, or at least its last six characters.")
    return part


def _until() -> datetime | None:
    """The day in UTC up to which syncs are listed, whole."""
    given = request.args.get("until", "").strip()
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC) if given else None
    except ValueError:
        raise ApiError("VALIDATION_ERROR", "Enter the day as YYYY-MM-DD.") from None


def _choice(name: str, allowed: tuple[str, ...]) -> str | None:
    value = request.args.get(name) or None
    if value is not None and value not in allowed:
        raise ApiError("VALIDATION_ERROR", f"The filter {name} must be one of " + ", ".join(allowed) + ".")
    return value


@store_page("read")
def show_log(log_id: UUID) -> str:
    cursor = read_cursor(request.args)
    after = (int(cursor[0]), cursor[1]) if cursor and len(cursor) == 2 else FROM_THE_START
    return render_template("console/log.html", page="history", is_first=after == FROM_THE_START, **_log(log_id, after))


@store_page("read")
def show_log_live(log_id: UUID) -> str:
    return render_template("console/_log_live.html", is_first=True, **_log(log_id, FROM_THE_START))


def _log(log_id: UUID, after: tuple[int, str]) -> dict[str, Any]:
    store_id = current_store().id
    row = _row(store_id, log_id)
    errors = read_record_errors(store_id, log_id, after, ERRORS_SHOWN + 1)
    last = last_before_more(errors, ERRORS_SHOWN)
    more = write_cursor(str(last.record_index), last.field) if last else None
    unlisted = read_unlisted_errors(store_id, log_id) if errors else 0
    with services().pool.connection() as conn, tenant(conn, store_id):
        can_retry = row.is_pull or has_payload(conn, store_id, log_id)
    return {
        "can_retry": can_retry,
        "row": row,
        "steps": timeline_of(row),
        "errors": errors[:ERRORS_SHOWN],
        "more": more,
        "unlisted": unlisted,
    }


def _row(store_id: UUID, log_id: UUID) -> LogRow:
    with services().pool.connection() as conn, tenant(conn, store_id):
        return read_rows(conn, [existing(get_log(conn, store_id, log_id))])[0]


@store_page("read")
def download_skipped(log_id: UUID) -> Response:
    store_id = current_store().id
    _row(store_id, log_id)
    return download_csv(store_id, log_id)


@store_page("ingest", "pull")
def act_on_log(log_id: UUID, action: str) -> AnyResponse:
    store_id = current_store().id
    if action in OF_PULLS:  # a plugin's token may only retry and cancel
        check_scopes(caller(), ("pull",))
    ACTIONS[action](store_id, log_id)
    return redirect(url_for("console.log", store_id=store_id, log_id=log_id))
