"""Failed syncs of all stores: by code, with a preview before they are tried again, and as a file."""

from __future__ import annotations

import re
from uuid import UUID

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.audit.writing import append
from app.console.sessions import caller, operator_page
from app.http.errors import ApiError
from app.http.services import services
from app.usecases.failures import csv_of, read_failure, read_failures, retry_all
from db.insight.audit_events import AuditEvent
from db.insight.failures import count_failures_of_all

SHOWN = 100
MOST_IN_FILE = 10_000
CODE = re.compile(r"[A-Z][A-Z_]{1,60}")


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("/failures", "failures", show_failures)
    blueprint.add_url_rule("/failures.csv", "failures_file", download_failures)
    blueprint.add_url_rule("/failures/confirm", "confirm_failures", confirm_failures, methods=["POST"])
    blueprint.add_url_rule("/failures/retry", "retry_failures", retry_failures, methods=["POST"])


@operator_page
def show_failures() -> str:
    code = _code() if "code" in request.args else None
    with services().pool.connection() as conn:
        groups = count_failures_of_all(conn)
        found = read_failures(conn, code, SHOWN) if code else []
    return render_template(
        "console/failures.html", page="failures", groups=groups, code=code, failures=found, most=SHOWN
    )


@operator_page
def download_failures() -> Response:
    code = _code()
    response = Response(list(csv_of(code, MOST_IN_FILE)), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="failures-{code}.csv"'
    return response


@operator_page
def confirm_failures() -> str:
    """Show what would be tried again; those that have ended well meanwhile are left out."""
    selected = _selected()
    with services().pool.connection() as conn:
        found = [one for place in selected if (one := read_failure(conn, *place)) is not None]
    if not found:
        raise ApiError("CONFLICT", "None of the selected syncs is failed any more.")
    return render_template("console/failures_confirm.html", page="failures", failures=found)


@operator_page
def retry_failures() -> AnyResponse:
    retried = retry_all(_selected())
    # One event in the trail of each store, as for a retry of a single sync.
    with services().pool.connection() as conn:
        for store_id, log_id in retried.done:
            append(conn, _event(store_id, log_id))
    if not retried.done:
        raise ApiError("CONFLICT", "None of the selected syncs can be tried again: their payloads are gone.")
    done = "retried_some" if retried.refused else "retried_syncs"
    return redirect(url_for("console.failures", done=done, count=len(retried.done)))


def _event(store_id: UUID, log_id: UUID) -> AuditEvent:
    return AuditEvent(
        action="job.retry",
        result="ok",
        actor_kind="session",
        actor=str(caller().token_id),
        store_id=store_id,
        address=(request.remote_addr or "")[:64] or None,
        request_id=g.request_id,
        details={"log_id": str(log_id)},
    )


def _code() -> str:
    code = request.args.get("code", "")
    if not CODE.fullmatch(code):
        raise ApiError("VALIDATION_ERROR", "This is not a code of a failed sync.")
    return code


def _selected() -> list[tuple[UUID, UUID]]:
    keys = request.form.getlist("sync")
    try:
        found = [(UUID(store_id), UUID(log_id)) for store_id, log_id in (key.split(":") for key in keys)]
    except ValueError:
        raise ApiError("VALIDATION_ERROR", "The selection can't be read. Go back and select again.") from None
    if not 1 <= len(found) <= SHOWN:
        raise ApiError("VALIDATION_ERROR", f"Select 1 to {SHOWN} syncs.")
    return list(dict.fromkeys(found))
