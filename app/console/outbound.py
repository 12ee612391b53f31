"""The way out to a WooCommerce shop: what waits against its deadline, what failed and may be tried again, what is held."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app.console.overview import EPOCH, MICROSECONDS
from app.console.sessions import admin_page, current_store, store_page
from app.errors import ApiError, not_found
from app.paging import read_cursor, write_cursor
from app.services import services
from db.outbound_overview import (
    ItemLine,
    Place,
    count_open_items,
    list_failed_group,
    list_failed_groups,
    list_items_in_hand,
    page_waiting_items,
)
from db.sync_batches import get_batch, get_open_hold, list_batches
from db.tenancy import tenant
from workers.outbound.priorities import PRIORITIES, SLA_SECONDS, SYNC_TYPES
from workers.outbound.runs import approve, retry_group

WAITING_SHOWN = 50
GROUPS_SHOWN = 50
ITEMS_SHOWN = 20
RUNS_SHOWN = 10
PRIORITY_SEPARATOR = "."


def add_pages(blueprint: Blueprint) -> None:
    root = "/<uuid:store_id>/outbound"
    group = f"{root}/failed/<any({','.join(SYNC_TYPES)}):sync_type>/<code>"
    blueprint.add_url_rule(root, "outbound", show_outbound)
    blueprint.add_url_rule(f"{root}/live", "outbound_live", show_live)
    blueprint.add_url_rule(group, "failed_group", show_group)
    blueprint.add_url_rule(group, "retry_group", retry_failed_group, methods=["POST"])
    blueprint.add_url_rule(f"{root}/holds/<uuid:hold_id>", "hold", show_hold)
    blueprint.add_url_rule(f"{root}/holds/<uuid:hold_id>/approve", "approve_hold", approve_hold, methods=["POST"])


@store_page
def show_outbound() -> str:
    return render_template("console/outbound.html", page="outbound", **_outbound())


@store_page
def show_live() -> str:
    return render_template("console/_outbound_live.html", **_outbound())


def _outbound() -> dict[str, Any]:
    after = _after(read_cursor(request.args))
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        hold_id = get_open_hold(conn, store_id)
        found = page_waiting_items(conn, store_id, after, WAITING_SHOWN + 1)
        facts: dict[str, Any] = {
            "items": count_open_items(conn, store_id),
            "groups": list_failed_groups(conn, store_id, GROUPS_SHOWN),
            "hold": get_batch(conn, store_id, hold_id) if hold_id else None,
            "in_hand": list_items_in_hand(conn, store_id, ITEMS_SHOWN) if after is None else [],
            "runs": list_batches(conn, store_id, RUNS_SHOWN),
        }
    more = _cursor(found[WAITING_SHOWN - 1]) if len(found) > WAITING_SHOWN else None
    return facts | {"waiting": found[:WAITING_SHOWN], "more": more, "is_first": after is None, "sla": SLA_SECONDS}


def _cursor(item: ItemLine) -> str:
    place = f"{item.priority}{PRIORITY_SEPARATOR}{item.id}"
    return write_cursor(str(round(item.created_at.timestamp() * MICROSECONDS)), place)


def _after(cursor: list[str] | None) -> Place | None:
    if cursor is None:
        return None
    try:
        priority, _, item_id = cursor[1].partition(PRIORITY_SEPARATOR)
        if int(priority) not in PRIORITIES.values():
            raise ValueError(priority)
        return int(priority), EPOCH + timedelta(microseconds=int(cursor[0])), UUID(item_id)
    except (ValueError, IndexError, OverflowError):
        raise ApiError(
            "VALIDATION_ERROR", "The address of this page is not right. Start from the first page."
        ) from None


@admin_page
def show_group(sync_type: str, code: str) -> str:
    """How many would be tried again, and the newest of them, before anything happens."""
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        groups = list_failed_groups(conn, store_id, GROUPS_SHOWN)
        newest = list_failed_group(conn, store_id, sync_type, code, ITEMS_SHOWN)
    group = next((one for one in groups if (one.sync_type, one.error_code) == (sync_type, code)), None)
    if group is None:
        raise not_found()
    return render_template("console/failed_group.html", page="outbound", group=group, newest=newest)


@admin_page
def retry_failed_group(sync_type: str, code: str) -> AnyResponse:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        waiting = retry_group(conn, store_id, sync_type, code)
    services().wake_up.push(store_id)
    return redirect(url_for("console.outbound", store_id=store_id, done="retried", count=waiting))


@store_page
def show_hold(hold_id: UUID) -> str:
    """What brakes stopped and why, before anybody lets it go."""
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        hold = get_batch(conn, store_id, hold_id)
    if hold is None or hold.kind != "hold":
        raise not_found()
    return render_template("console/hold.html", page="outbound", hold=hold)


@admin_page
def approve_hold(hold_id: UUID) -> AnyResponse:
    store_id = current_store().id
    with services().pool.connection() as conn, tenant(conn, store_id):
        approved = approve(conn, store_id, hold_id)
    if approved is None:
        raise ApiError("CONFLICT", "Nothing waits for approval here any more: it was let go, or taken back, meanwhile.")
    services().wake_up.push(store_id)
    return redirect(url_for("console.outbound", store_id=store_id, done="approved", count=approved))
