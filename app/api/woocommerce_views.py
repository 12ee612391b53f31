"""/api/v1/woocommerce: what may be looked at (specification 3): statistics, failed items, runs and holds, mappings."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.http.auth import admin_required, current_store_id, store_required
from app.http.errors import not_found
from app.http.outbound_requests import read_uuid
from app.http.paging import last_before_more, read_query
from app.http.services import services
from app.usecases.outbound_answers import batch_answer, item_answer, mapping_answer, stats_answer
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, list_batches
from db.outbound.erp_products import count_erp_products
from db.outbound.item_views import count_breaches, count_items, get_item, list_failed_items
from db.outbound.mappings import count_mappings, get_mapping, list_drift, list_mappings
from schemas.requests.lists import ItemsQuery, MappingsQuery, PageQuery

blueprint = Blueprint("woocommerce_views", __name__, url_prefix="/api/v1/woocommerce")

FAILED_SHOWN = 100
PAGE, ITEMS, MAPPINGS = PageQuery(), ItemsQuery(), MappingsQuery()


@blueprint.get("/sync/status")
@store_required
def show_status() -> Response:
    """SyncStats of this store."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        data = stats_answer(
            count_items(conn, store_id),
            count_breaches(conn, store_id),
            count_mappings(conn, store_id),
            count_erp_products(conn, store_id),
        )
    return jsonify({"success": True, "data": data})


@blueprint.get("/sync/failed")
@admin_required
def list_failed() -> Response:
    """Failed items, newest first, a page at a time."""
    asked, store_id = read_query(ITEMS, request.args), current_store_id()
    size = asked["limit"]
    with services().pool.connection() as conn, tenant(conn, store_id):
        items = list_failed_items(conn, store_id, size + 1, asked["cursor"])
    last = last_before_more(items, size)
    more = str(last.id) if last else None
    data = {"items": [item_answer(item) for item in items[:size]], "nextCursor": more}
    return jsonify({"success": True, "data": data})


@blueprint.get("/sync/items/<uuid:item_id>")
@store_required
def show_item(item_id: UUID) -> Response:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        item = get_item(conn, store_id, item_id)
    if item is None:
        raise not_found()
    return jsonify({"success": True, "data": item_answer(item)})


@blueprint.get("/sync/batches")
@store_required
def show_batches() -> Response:
    """The newest runs and holds."""
    size, store_id = read_query(PAGE, request.args)["limit"], current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        batches = list_batches(conn, store_id, size)
    return jsonify({"success": True, "data": {"batches": [batch_answer(batch, []) for batch in batches]}})


@blueprint.get("/sync/batches/<uuid:batch_id>")
@store_required
def show_batch(batch_id: UUID) -> Response:
    """BatchSyncResult of a run, or a hold with its preview."""
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        batch = get_batch(conn, store_id, batch_id)
        failed = list_failed_items(conn, store_id, FAILED_SHOWN, batch_id=batch_id)
    if batch is None:
        raise not_found()
    return jsonify({"success": True, "data": batch_answer(batch, failed)})


@blueprint.get("/mappings/<product_id>")
@store_required
def show_mapping(product_id: str) -> Response:
    """ProductSyncMapping of one product of the ERP."""
    product, store_id = read_uuid("productId", product_id), current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        mapping = get_mapping(conn, store_id, product)
    if mapping is None:
        raise not_found()
    return jsonify({"success": True, "data": mapping_answer(mapping)})


@blueprint.get("/mappings")
@store_required
def show_mappings() -> Response:
    """All mappings; with `out_of_sync=true` the products whose state the shop has not got, unmapped ones included."""
    asked, store_id = read_query(MAPPINGS, request.args), current_store_id()
    size, read = asked["limit"], list_drift if asked["out_of_sync"] else list_mappings
    with services().pool.connection() as conn, tenant(conn, store_id):
        found = read(conn, store_id, asked["cursor"], size + 1)
    last = last_before_more(found, size)
    more = str(last.internal_product_id) if last else None
    data = {"mappings": [mapping_answer(mapping) for mapping in found[:size]], "nextCursor": more}
    return jsonify({"success": True, "data": data})
