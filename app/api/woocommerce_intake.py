"""/api/v1/woocommerce: what comes in (specification 3): orders pulled from the shop, and the ERP's events over HTTP."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint

from app.api.pulls import started, started_answer
from app.audit.notes import note
from app.http.auth import current_store_id
from app.http.body import event_limits
from app.http.errors import ApiError
from app.http.operation import Answer, Body
from app.http.serve import Reply, operation
from app.http.services import services
from app.usecases.outbound_answers import previewed_orders
from app.usecases.outbound_requests import ask_shop
from app.usecases.pulls import start_run
from schemas.answers.outbound import EXAMPLE_PRODUCT, EventsAnswer, PreviewedOrders, RefusedEvent
from schemas.requests.lists import DryRunQuery
from schemas.requests.outbound import MOST_EVENTS, EventsSchema, PullOrdersSchema
from workers.outbound.intake.events import Event, read_event, take_events
from workers.outbound.planning.preview import preview_orders
from workers.pulls.start import Wanted

blueprint = Blueprint("woocommerce_intake", __name__, url_prefix="/api/v1/woocommerce")


@operation(
    blueprint,
    "post",
    "/pull/orders",
    name="pullWoocommerceOrders",
    tag="WooCommerce",
    summary="Pull the shop's orders",
    about="What changed since the last pull, or since `since`. 400 for a moment that has not come yet. 409 while another"
    " run is in progress, and where the shop is not connected. With `dry_run=true` the first page of them, and nothing is"
    " stored.",
    access=("pull",),
    audit="pull.start",
    query=DryRunQuery,
    body=Body(PullOrdersSchema, {"since": "2026-01-15T00:00:00Z"}, required=False),
    answers=(
        started_answer(syncMode="update"),
        Answer(200, "The first page (`dry_run=true`).", PreviewedOrders),
    ),
    errors=("STORAGE_FULL", "CONFLICT", "PLATFORM_FAILED"),
)
def pull_orders(body: dict[str, Any], query: dict[str, Any]) -> PreviewedOrders | Reply:
    wanted = _wanted_orders(body["since"])
    if query["dry_run"]:
        note(dry_run=True)
        store_id, at_hand = current_store_id(), services()
        return previewed_orders(ask_shop(lambda: preview_orders(at_hand.settings, at_hand.pool, store_id, wanted)))
    return started(start_run(wanted, "woocommerce"), wanted.mode)


def _wanted_orders(since: datetime | None) -> Wanted:
    if since is None:
        return Wanted("orders", "incremental")
    now = datetime.now(UTC)
    if since > now:
        raise ApiError("VALIDATION_ERROR", "since must be a date and time in ISO 8601 that has passed")
    return Wanted("orders", "update", stale_after_mins=math.ceil((now - since).total_seconds() / 60))


@operation(
    blueprint,
    "post",
    "/events",
    name="postEvents",
    tag="ERP",
    summary="Tell of changes in the ERP",
    about="What the ERP publishes over Redis, over HTTP: stock, price, product, category and image events;"
    " `product.deleted` takes a product off sale. Bad ones are"
    " listed, and the others taken. 400 if all are bad, with the reason of each in `details.refused`.",
    access=("erp",),
    audit="erp.events",
    body=Body(
        EventsSchema,
        {"events": [{"event": "pricing.price_changed", "productId": EXAMPLE_PRODUCT}]},
        limits=lambda settings: event_limits(settings, MOST_EVENTS),
    ),
    brings_data=True,
    answers=(Answer(202, "Taken.", EventsAnswer),),
)
def post_events(body: dict[str, Any]) -> Reply:
    entries = body["events"]
    if len(entries) > MOST_EVENTS:
        raise ApiError("PAYLOAD_TOO_LARGE", f"at most {MOST_EVENTS} events in a request")
    read = [_event(entry) for entry in entries]
    events = [event for event in read if isinstance(event, Event)]
    refused = [RefusedEvent(index, event) for index, event in enumerate(read) if not isinstance(event, Event)]
    if refused and not events:
        reasons = [{"index": one.index, "reason": one.reason} for one in refused]
        raise ApiError("VALIDATION_ERROR", "none of the events can be taken", details={"refused": reasons})
    take_events(services().pool, services().wake_up, events, "http")
    return Reply(EventsAnswer(len(entries), len(events), refused), 202)


def _event(entry: Any) -> Event | str:
    name = entry.get("event") if isinstance(entry, dict) else None
    return read_event(name, entry, current_store_id())
