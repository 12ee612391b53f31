"""/api/v1/woocommerce: what may be asked for (specification 3): syncs, dry runs, another try, a go-ahead.

A sync is accepted with 202 and polled, or waited for with `Prefer: wait=N`; `?dry_run=true` answers what it would change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request, url_for
from psycopg import Connection

from app.http.auth import admin_required, current_store_id, store_required
from app.http.errors import ApiError, not_found
from app.http.outbound_requests import ask_shop, is_dry_run, read_body, read_uuid
from app.http.paging import last_before_more, read_query
from app.http.prefer import wait_until_ended, wanted_wait
from app.http.services import services
from app.usecases.outbound_answers import preview_answer, sync_result
from db.core.tenancy import tenant
from db.outbound.erp_products import page_products
from db.outbound.item_views import ItemView, get_item, list_failed_items
from schemas.requests.lists import DryRunPageQuery
from schemas.requests.outbound import RunSchema
from workers.outbound.planning.preview import Preview, preview_categories, preview_products
from workers.outbound.runs import Run, approve, reject, retry_failed, start_categories, start_full, start_one

blueprint = Blueprint("woocommerce", __name__, url_prefix="/api/v1/woocommerce")

POLL_AFTER_SECONDS = 1
RUN, DRY_RUN_PAGE = RunSchema(), DryRunPageQuery()
ENDED = ("completed", "failed", "superseded", "needs_approval")

Answer = Response | tuple[Response, int, dict[str, str]]


@blueprint.post("/sync/<any(product,stock,price):sync_type>/<product_id>")
@store_required
def sync_product(sync_type: str, product_id: str) -> Answer:
    """Send one product whole, its stock or its price."""
    product = read_uuid("productId", product_id)
    if is_dry_run():
        found = _preview_products([product], sync_type)
        if not found:
            raise not_found()
        return _previews(found)
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        item_id = start_one(conn, store_id, product, sync_type, "request")
    if item_id is None:
        raise not_found()
    services().wake_up.push(store_id)
    ended = wait_until_ended(lambda: _ended_item(store_id, item_id), wanted_wait(request))
    return _item_accepted(item_id, product, sync_type) if ended is None else _item_ended(ended)


def _ended_item(store_id: UUID, item_id: UUID) -> ItemView | None:
    with services().pool.connection() as conn, tenant(conn, store_id):
        item = get_item(conn, store_id, item_id)
    return item if item is not None and item.status in ENDED else None


def _item_ended(item: ItemView) -> Answer:
    """SyncResult, whether it succeeded or not: to know is what was waited for."""
    headers = {"Preference-Applied": f"wait={wanted_wait(request):g}"}
    return jsonify({"success": True, "data": sync_result(item)}), 200, headers


def _item_accepted(item_id: UUID, product_id: UUID, sync_type: str) -> Answer:
    url = url_for("woocommerce_views.show_item", item_id=item_id)
    data = {
        "syncItemId": str(item_id),
        "productId": str(product_id),
        "syncType": sync_type,
        "status": "pending",
        "statusUrl": url,
        "pollAfterSeconds": POLL_AFTER_SECONDS,
    }
    return _accepted(data, url)


@blueprint.post("/sync/all")
@admin_required
def sync_all() -> Answer:
    """Send all products that the shop has not got as they are; all of them with `{"force": true}`."""
    force, asked = read_body(RUN)["force"], read_query(DRY_RUN_PAGE, request.args)
    store_id = current_store_id()
    if asked["dry_run"]:
        return _preview_page(asked["limit"], asked["cursor"])
    with services().pool.connection() as conn, tenant(conn, store_id):
        run = start_full(conn, store_id, "request", force=force)
    return _run_accepted(run)


@blueprint.post("/sync/categories")
@admin_required
def sync_categories() -> Answer:
    """Send all categories that the shop has not got as they are; all of them with `{"force": true}`."""
    force, store_id = read_body(RUN)["force"], current_store_id()
    if is_dry_run():
        return _previews(ask_shop(lambda: preview_categories(services().settings, services().pool, store_id)))
    with services().pool.connection() as conn, tenant(conn, store_id):
        run = start_categories(conn, store_id, "request", force=force)
    return _run_accepted(run)


def _run_accepted(run: Run) -> Answer:
    if run.items:
        services().wake_up.push(current_store_id())
    url = url_for("woocommerce_views.show_batch", batch_id=run.batch_id)
    data = {
        "batchId": str(run.batch_id),
        "totalProducts": run.items,
        "status": "syncing" if run.items else "completed",
        "statusUrl": url,
        "pollAfterSeconds": POLL_AFTER_SECONDS,
    }
    return _accepted(data, url)


@blueprint.post("/sync/retry")
@admin_required
def sync_retry() -> Response:
    """Try all failed items again, permanent failures too: a person may have mended what was wrong."""
    asked, store_id = read_query(DRY_RUN_PAGE, request.args), current_store_id()
    if asked["dry_run"]:
        return _preview_failed(asked["limit"], asked["cursor"])
    with services().pool.connection() as conn, tenant(conn, store_id):
        retried = retry_failed(conn, store_id, everything=True)
    services().wake_up.push(store_id)
    return jsonify({"success": True, "data": {"retryCount": retried}})


@blueprint.post("/sync/batches/<uuid:batch_id>/approve")
@admin_required
def approve_batch(batch_id: UUID) -> Response:
    """Let go what brakes hold. 409 where nothing is held under this id any more."""
    approved = _decide(approve, batch_id)
    services().wake_up.push(current_store_id())
    return jsonify({"success": True, "data": {"batchId": str(batch_id), "approvedItems": approved}})


@blueprint.post("/sync/batches/<uuid:batch_id>/reject")
@admin_required
def reject_batch(batch_id: UUID) -> Response:
    """Give up what brakes hold; the shop keeps what it has. 409 where nothing is held under this id any more."""
    rejected = _decide(reject, batch_id)
    return jsonify({"success": True, "data": {"batchId": str(batch_id), "rejectedItems": rejected}})


def _decide(decision: Callable[[Connection, UUID, UUID], int | None], batch_id: UUID) -> int:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        items = decision(conn, store_id, batch_id)
    if items is None:
        raise ApiError("CONFLICT", "there is nothing here that waits for approval")
    return items


def _accepted(data: dict[str, Any], url: str) -> Answer:
    headers = {"Location": url, "Retry-After": str(POLL_AFTER_SECONDS)}
    return jsonify({"success": True, "data": data}), 202, headers


def _preview_page(size: int, after: UUID | None) -> Response:
    """A dry run of all products, a page at a time: each page is read from the shop while the client waits."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        ids = page_products(conn, store_id, after, size + 1)
    found = _preview_products(ids[:size], "product")
    changed = [one for one in found if one.action != "none"]
    last = last_before_more(ids, size)
    return _previews(changed, looked_at=len(found), cursor=str(last) if last else None)


def _preview_failed(size: int, before: UUID | None) -> Response:
    """A dry run of another try, a page of failed items at a time: what their products lack in the shop."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        failed = list_failed_items(conn, store_id, size + 1, before)
    ids = sorted({item.product_id for item in failed[:size] if item.product_id})
    found = _preview_products(ids, "product") if ids else []
    last = last_before_more(failed, size)
    return _previews(found, looked_at=len(found), cursor=str(last.id) if last else None)


def _preview_products(product_ids: list[UUID], sync_type: str) -> list[Preview]:
    settings, pool = services().settings, services().pool
    return ask_shop(lambda: preview_products(settings, pool, current_store_id(), product_ids, sync_type))


def _previews(found: list[Preview], **more: Any) -> Response:
    data = {"dryRun": True, "changes": [preview_answer(one) for one in found]}
    if "looked_at" in more:
        data |= {"lookedAt": more["looked_at"], "nextCursor": more["cursor"]}
    return jsonify({"success": True, "data": data})
