"""/api/v1/woocommerce: what comes in (specification 3): orders pulled from the shop, and the ERP's events over HTTP."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify

from app.http.auth import current_store_id, store_required
from app.http.errors import ApiError
from app.http.outbound_requests import ask_shop, is_dry_run, read_body
from app.http.services import services
from app.usecases.pulls import start_run, started
from schemas.requests.outbound import MOST_EVENTS, EventsSchema, PullOrdersSchema
from workers.outbound.intake.events import Event, read_event, take_events
from workers.outbound.planning.preview import preview_orders
from workers.pulls.start import Wanted

blueprint = Blueprint("woocommerce_intake", __name__, url_prefix="/api/v1/woocommerce")

PULL_ORDERS, EVENTS = PullOrdersSchema(), EventsSchema()


@blueprint.post("/pull/orders")
@store_required
def pull_orders() -> Response | tuple[Response, int, dict[str, str]]:
    """Pull orders that changed since the last pull, or since `{"since": "…"}`; polled like any other job.

    A dry run answers the first page of them, and stores nothing.
    """
    wanted = _wanted_orders(read_body(PULL_ORDERS)["since"])
    if is_dry_run():
        return _preview(wanted)
    return started(start_run(wanted, "woocommerce"), wanted.mode)


def _preview(wanted: Wanted) -> Response:
    found = ask_shop(lambda: preview_orders(services().settings, services().pool, current_store_id(), wanted))
    data = {"dryRun": True, "orders": found.orders, "refused": found.refused, "total": found.total}
    return jsonify({"success": True, "data": data})


def _wanted_orders(since: datetime | None) -> Wanted:
    if since is None:
        return Wanted("orders", "incremental")
    now = datetime.now(UTC)
    if since > now:
        raise ApiError("VALIDATION_ERROR", "since must be a date and time in ISO 8601 that has passed")
    return Wanted("orders", "update", stale_after_mins=math.ceil((now - since).total_seconds() / 60))


@blueprint.post("/events")
@store_required
def post_events() -> tuple[Response, int]:
    """The ERP's events over HTTP: `{"events":[{"event":"pricing.price_changed","productId":"…"}]}`. Bad ones are counted."""
    entries = read_body(EVENTS)["events"]
    if len(entries) > MOST_EVENTS:
        raise ApiError("PAYLOAD_TOO_LARGE", f"at most {MOST_EVENTS} events in a request")
    read = [_event(entry) for entry in entries]
    events = [event for event in read if isinstance(event, Event)]
    take_events(services().pool, services().wake_up, events, "http")
    refused = [{"index": index, "reason": event} for index, event in enumerate(read) if not isinstance(event, Event)]
    data = {"receivedCount": len(entries), "acceptedCount": len(events), "refused": refused}
    return jsonify({"success": True, "data": data}), 202


def _event(entry: Any) -> Event | str:
    name = entry.get("event") if isinstance(entry, dict) else None
    return read_event(name, entry, current_store_id())
