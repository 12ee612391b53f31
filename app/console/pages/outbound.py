"""Outbound changes to a WooCommerce shop: waiting items and their deadlines, failed items to retry, and held changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from psycopg import Connection
from werkzeug.wrappers import Response as AnyResponse

from app.console.sessions import current_store, store_page
from app.console.views.time_cursor import read_time_cursor, write_time_cursor, wrong_cursor
from app.http.errors import ApiError, not_found
from app.http.paging import last_before_more
from app.http.services import services
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, get_open_hold, list_batches
from db.outbound.drift import get_drift_settings, page_findings
from db.outbound.items import lock_items
from db.outbound.overview import (
    Place,
    count_open_items,
    list_failed_group,
    list_failed_groups,
    list_items_being_sent,
    page_waiting_items,
)
from workers.outbound.planning.drift import read_drift_settings
from workers.outbound.planning.priorities import PRIORITIES, SLA_SECONDS, SYNC_TYPES
from workers.outbound.runs import approve, reject, retry_group

WAITING_SHOWN = 50
GROUPS_SHOWN = 50
ITEMS_SHOWN = 20
DRIFTED_SHOWN = 20
RUNS_SHOWN = 10
SEPARATOR = "_"
PRIORITY_OF = {str(priority): priority for priority in PRIORITIES.values()}


def add_pages(blueprint: Blueprint) -> None:
    root = "/<uuid:store_id>/outbound"
    group = f"{root}/failed/<any({','.join(SYNC_TYPES)}):sync_type>/<code>"
    blueprint.add_url_rule(root, "outbound", show_outbound)
    blueprint.add_url_rule(f"{root}/live", "outbound_live", show_live)
    blueprint.add_url_rule(group, "failed_group", show_group)
    blueprint.add_url_rule(group, "retry_group", retry_failed_group, methods=["POST"])
    blueprint.add_url_rule(f"{root}/holds/<uuid:hold_id>", "hold", show_hold)
    blueprint.add_url_rule(f"{root}/holds/<uuid:hold_id>/approve", "approve_hold", approve_hold, methods=["POST"])
    blueprint.add_url_rule(f"{root}/holds/<uuid:hold_id>/reject", "reject_hold", reject_hold, methods=["POST"])


@store_page("read")
def show_outbound() -> str:
    return render_template("console/outbound.html", page="outbound", **_outbound())


@store_page("read")
def show_live() -> str:
    return render_template("console/_outbound_live.html", **_outbound())


def _outbound() -> dict[str, Any]:
    after = _after(read_time_cursor(request.args))
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        hold_id = get_open_hold(conn, store_id)
        found = page_waiting_items(conn, store_id, after, WAITING_SHOWN + 1)
        facts: dict[str, Any] = {
            "items": count_open_items(conn, store_id),
            "groups": list_failed_groups(conn, store_id, GROUPS_SHOWN),
            "hold": get_batch(conn, store_id, hold_id) if hold_id else None,
            "in_hand": list_items_being_sent(conn, store_id, ITEMS_SHOWN) if after is None else [],
            "runs": list_batches(conn, store_id, RUNS_SHOWN),
            "drifted": page_findings(conn, store_id, None, DRIFTED_SHOWN) if after is None else [],
            "drift": read_drift_settings(get_drift_settings(conn, store_id)),
        }
    last = last_before_more(found, WAITING_SHOWN)
    more = write_time_cursor(last.created_at, f"{last.priority}{SEPARATOR}{last.id}") if last else None
    return facts | {"waiting": found[:WAITING_SHOWN], "more": more, "is_first": after is None, "sla": SLA_SECONDS}


def _after(cursor: tuple[datetime, str] | None) -> Place | None:
    if cursor is None:
        return None
    priority, _, item_id = cursor[1].partition(SEPARATOR)
    try:
        return PRIORITY_OF[priority], cursor[0], UUID(item_id)
    except (KeyError, ValueError):
        raise wrong_cursor() from None


@store_page("admin")
def show_group(sync_type: str, code: str) -> str:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        groups = list_failed_groups(conn, store_id, GROUPS_SHOWN)
        newest = list_failed_group(conn, store_id, sync_type, code, ITEMS_SHOWN)
    group = next((one for one in groups if (one.sync_type, one.error_code) == (sync_type, code)), None)
    if group is None:
        raise not_found()
    return render_template("console/failed_group.html", page="outbound", group=group, newest=newest)


@store_page("admin")
def retry_failed_group(sync_type: str, code: str) -> AnyResponse:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        waiting = retry_group(conn, store_id, sync_type, code)
    services().wake_up.push(store_id)
    return redirect(url_for("console.outbound", store_id=store_id, done="retried", count=waiting))


@store_page("read")
def show_hold(hold_id: UUID) -> str:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        hold = get_batch(conn, store_id, hold_id)
    if hold is None or hold.kind != "hold":
        raise not_found()
    return render_template("console/hold.html", page="outbound", hold=hold)


@store_page("admin")
def approve_hold(hold_id: UUID) -> AnyResponse:
    approved = _decide(approve, hold_id)
    services().wake_up.push(current_store().id)
    return redirect(url_for("console.outbound", store_id=current_store().id, done="approved", count=approved))


@store_page("admin")
def reject_hold(hold_id: UUID) -> AnyResponse:
    rejected = _decide(reject, hold_id)
    return redirect(url_for("console.outbound", store_id=current_store().id, done="rejected", count=rejected))


def _decide(decision: Callable[[Connection, UUID, UUID], int | None], hold_id: UUID) -> int:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        lock_items(conn, store_id)
        hold = get_batch(conn, store_id, hold_id)
        # New changes may have joined the hold since the page was shown: nobody has reviewed them.
        if hold is not None and hold.status == "needs_approval" and str(hold.total_items) != request.form.get("items"):
            raise ApiError("CONFLICT", "More changes were held in the meantime. Review all of them before you decide.")
        items = decision(conn, store_id, hold_id)
    if items is None:
        raise ApiError(
            "CONFLICT",
            "Nothing is waiting for approval any more. The changes were released or withdrawn in the meantime.",
        )
    return items
