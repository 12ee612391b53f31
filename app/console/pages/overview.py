"""The overview of a store, and for operators of all stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from psycopg import Connection
from werkzeug.wrappers import Response as AnyResponse

from app.audit.notes import note
from app.console.sessions import caller, current_store, operator_page, session_required, store_page
from app.console.views.logs import read_rows
from app.console.views.plots import DEFAULT_RANGE, RANGES, Range, figures_of, series_of, start_of, totals_of
from app.http.errors import ApiError
from app.http.services import services
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.insight.alerts import acknowledge_alert, list_alerts_of_all
from db.insight.overview import (
    count_finished,
    count_finished_of_all,
    count_items_of_all,
    count_open,
    count_open_of_all,
    list_open_logs,
    list_store_activity,
)
from db.outbound.overview import count_open_items
from db.stores.stores import Store, get_store
from db.sync.metadata import list_metadata
from schemas.platforms.registry import PLATFORMS
from schemas.plugin.entities import ENTITIES
from workers.outbound.planning.priorities import SLA_SECONDS

OPEN_SHOWN = 12
STORES_SHOWN = 25
ALERTS_SHOWN = 10
MOST_SEARCHED, MOST_PAGES = 100, 10_000
FAILED_HOURS = 24


def add_pages(blueprint: Blueprint) -> None:
    blueprint.add_url_rule("", "root", home)
    blueprint.add_url_rule("/", "home", home)
    blueprint.add_url_rule("/stores", "all_stores", show_all)
    blueprint.add_url_rule("/stores/live", "all_stores_live", show_all_live)
    blueprint.add_url_rule(
        "/alerts/<uuid:of_store>/<uuid:alert_id>/acknowledge", "acknowledge", acknowledge, methods=["POST"]
    )
    blueprint.add_url_rule("/<uuid:store_id>/", "overview", show_overview)
    blueprint.add_url_rule("/<uuid:store_id>/live", "overview_live", show_live)
    blueprint.add_url_rule("/<uuid:store_id>/plots", "overview_plots", show_plots)


@session_required
def home() -> AnyResponse:
    store_id = caller().store_id
    return redirect(url_for("console.overview", store_id=store_id) if store_id else url_for("console.all_stores"))


@store_page("read")
def show_overview() -> str:
    return render_template("console/overview.html", page="overview", **_live(), **_plots())


@store_page("read")
def show_live() -> str:
    return render_template("console/_overview_live.html", **_live())


@store_page("read")
def show_plots() -> str:
    return render_template("console/_plots.html", **_plots())


def _live() -> dict[str, Any]:
    # The part that the page reloads every other second.
    store = current_store()
    with services().pool.connection() as conn, tenant(conn, store.id):
        opened = count_open(conn, store.id)
        rows = read_rows(conn, list_open_logs(conn, store.id, OPEN_SHOWN))
        stats, metadata = list_stats(conn, store.id), list_metadata(conn, store.id)
        items = count_open_items(conn, store.id) if PLATFORMS[store.platform].takes_outbound else []
    entities = [
        name for name in ENTITIES if name in stats or name in metadata or name in PLATFORMS[store.platform].pulled
    ]
    return {
        "opened": opened,
        "rows": rows,
        "entities": [(name, stats.get(name), metadata.get(name)) for name in entities],
        "items": items,
        "sla": SLA_SECONDS,
    }


def _plots() -> dict[str, Any]:
    store, range_ = current_store(), _range()
    start = start_of(range_, datetime.now(UTC))
    with services().pool.connection() as conn, tenant(conn, store.id):
        found = count_finished(conn, store.id, start, range_.step)
    return _figures(range_, start, found)


def _figures(range_: Range, start: datetime, found: Any) -> dict[str, Any]:
    series = series_of(found, range_, start)
    return {
        "range": range_,
        "ranges": list(RANGES.values()),
        "totals": totals_of(found),
        "series": series,
        "figures": figures_of(series),
    }


def _range() -> Range:
    name = request.args.get("range", DEFAULT_RANGE)
    if name not in RANGES:
        raise ApiError("VALIDATION_ERROR", "The range must be one of " + ", ".join(RANGES) + ".")
    return RANGES[name]


@operator_page
def show_all() -> str:
    return render_template("console/all_stores.html", page="all", **_all_stores(), **_all_plots())


@operator_page
def show_all_live() -> str:
    return render_template("console/_all_stores_live.html", **_all_stores())


def _all_plots() -> dict[str, Any]:
    range_ = _range()
    start = start_of(range_, datetime.now(UTC))
    with services().pool.connection() as conn:
        found = count_finished_of_all(conn, start, range_.step)
    return _figures(range_, start, found)


@operator_page
def acknowledge(of_store: UUID, alert_id: UUID) -> AnyResponse:
    """The alert stays open, and no longer puts its store first."""
    with services().pool.connection() as conn, tenant(conn, of_store):
        if not acknowledge_alert(conn, of_store, alert_id, caller().token_id):
            raise ApiError("CONFLICT", "This alert has ended meanwhile.")
    note(store_id=of_store)
    return redirect(url_for("console.all_stores", done="acknowledged"))


def _all_stores() -> dict[str, Any]:
    search, page = request.args.get("q", "").strip()[:MOST_SEARCHED], _page_number()
    since = datetime.now(UTC) - timedelta(hours=FAILED_HOURS)
    with services().pool.connection() as conn:
        opened, (waiting, overdue) = count_open_of_all(conn), count_items_of_all(conn)
        skip = (page - 1) * STORES_SHOWN
        found = list_store_activity(
            conn, since, STORES_SHOWN + 1, skip, search
        )  # one more: whether there is a next page
        shown = [(store, row) for row in found[:STORES_SHOWN] if (store := _store_of(conn, row.store_id)) is not None]
        alerts = list_alerts_of_all(conn, ALERTS_SHOWN + 1)
        standing = [
            (store, one) for one in alerts[:ALERTS_SHOWN] if (store := _store_of(conn, one.store_id)) is not None
        ]
    return {
        "stores": shown,
        "search": search,
        "number_of_page": page,
        "has_more": len(found) > STORES_SHOWN,
        "failed_hours": FAILED_HOURS,
        "alerts": standing,
        "more_alerts": len(alerts) > ALERTS_SHOWN,
        "opened": opened,
        "waiting": waiting,
        "overdue": overdue,
    }


def _page_number() -> int:
    given = request.args.get("page", "1")
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given[:9]) <= MOST_PAGES:
        raise ApiError("VALIDATION_ERROR", "The address of this page is invalid. Start from the first page.")
    return int(given)


def _store_of(conn: Connection, store_id: UUID) -> Store | None:
    # Queries over all stores return ids and counts only. Names are read within each store's row-level security.
    with tenant(conn, store_id):
        return get_store(conn, store_id)
