"""/api/v1/woocommerce: statistics, failed items, runs and holds, mappings (specification 3), and drift."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint

from app.api.woocommerce import BATCH_ID, PRODUCT_ID
from app.http.auth import current_store_id
from app.http.errors import not_found
from app.http.operation import Answer, Place
from app.http.paging import last_before_more
from app.http.serve import Reply, operation
from app.http.services import services
from app.usecases.outbound_answers import batch_answer, drift_answer, item_answer, mapping_answer, stats_answer
from app.usecases.outbound_requests import read_uuid
from db.core.tenancy import tenant
from db.outbound.batches import get_batch, list_batches
from db.outbound.drift import get_check, get_drift_settings, page_findings, request_check
from db.outbound.erp_products import count_erp_products
from db.outbound.item_views import count_breaches, count_items, get_item, list_failed_items
from db.outbound.mappings import count_mappings, get_mapping, list_mappings, list_out_of_sync
from schemas.answers.outbound import Batch, Batches, Drift, DriftCheckReceipt, Item, Items, Mapping, Mappings, SyncStats
from schemas.requests.lists import DriftCheckQuery, ItemsQuery, MappingsQuery, PageQuery
from workers.outbound.planning.drift import read_drift_settings

blueprint = Blueprint("woocommerce_views", __name__, url_prefix="/api/v1/woocommerce")

TAG = "WooCommerce"
FAILED_SHOWN = 100


@operation(
    blueprint,
    "get",
    "/sync/status",
    name="getSyncStats",
    tag=TAG,
    summary="What waits, what failed, and what came late",
    about="SyncStats of the store.",
    access=("read",),
    answers=(Answer(200, "Figures.", SyncStats),),
)
def show_status() -> SyncStats:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        return stats_answer(
            count_items(conn, store_id),
            count_breaches(conn, store_id),
            count_mappings(conn, store_id),
            count_erp_products(conn, store_id),
        )


@operation(
    blueprint,
    "get",
    "/sync/failed",
    name="listFailedItems",
    tag=TAG,
    summary="List failed items",
    about="Newest first, a page at a time.",
    access=("admin",),
    query=ItemsQuery,
    answers=(Answer(200, "A page.", Items),),
)
def list_failed(query: dict[str, Any]) -> Items:
    store_id, size = current_store_id(), query["limit"]
    with services().pool.connection() as conn, tenant(conn, store_id):
        items = list_failed_items(conn, store_id, size + 1, query["cursor"])
    last = last_before_more(items, size)
    return Items([item_answer(item) for item in items[:size]], last.id if last else None)


@operation(
    blueprint,
    "get",
    "/sync/items/<uuid:item_id>",
    name="getSyncItem",
    tag=TAG,
    summary="Poll one item",
    about="What became of one change.",
    access=("read",),
    places={"item_id": Place("`syncItemId` of a receipt")},
    answers=(Answer(200, "The item.", Item),),
    errors=("NOT_FOUND",),
)
def show_item(item_id: UUID) -> Item:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        item = get_item(conn, store_id, item_id)
    if item is None:
        raise not_found()
    return item_answer(item)


@operation(
    blueprint,
    "get",
    "/sync/batches",
    name="listSyncBatches",
    tag=TAG,
    summary="List runs and holds",
    about="The newest of them.",
    access=("read",),
    query=PageQuery,
    answers=(Answer(200, "Runs and holds.", Batches),),
)
def show_batches(query: dict[str, Any]) -> Batches:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        batches = list_batches(conn, store_id, query["limit"])
    return Batches([batch_answer(batch, []) for batch in batches])


@operation(
    blueprint,
    "get",
    "/sync/batches/<uuid:batch_id>",
    name="getSyncBatch",
    tag=TAG,
    summary="Poll one run, or look at a hold",
    about="BatchSyncResult, also of a run that goes on.",
    access=("read",),
    places={"batch_id": BATCH_ID},
    answers=(Answer(200, "The run or hold.", Batch),),
    errors=("NOT_FOUND",),
)
def show_batch(batch_id: UUID) -> Batch:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        batch = get_batch(conn, store_id, batch_id)
        failed = list_failed_items(conn, store_id, FAILED_SHOWN, batch_id=batch_id)
    if batch is None:
        raise not_found()
    return batch_answer(batch, failed)


@operation(
    blueprint,
    "get",
    "/mappings/<product_id>",
    name="getMapping",
    tag=TAG,
    summary="One product's place in the shop",
    about="ProductSyncMapping.",
    access=("read",),
    places={"product_id": PRODUCT_ID},
    answers=(Answer(200, "The mapping.", Mapping),),
    errors=("VALIDATION_ERROR", "NOT_FOUND"),
)
def show_mapping(product_id: str) -> Mapping:
    product, store_id = read_uuid("productId", product_id), current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        mapping = get_mapping(conn, store_id, product)
    if mapping is None:
        raise not_found()
    return mapping_answer(mapping)


@operation(
    blueprint,
    "get",
    "/mappings",
    name="listMappings",
    tag=TAG,
    summary="Which product is which in the shop",
    about="With `out_of_sync=true` the products whose state the shop does not have, unmapped ones included.",
    access=("read",),
    query=MappingsQuery,
    answers=(Answer(200, "A page.", Mappings),),
)
def show_mappings(query: dict[str, Any]) -> Mappings:
    store_id, size = current_store_id(), query["limit"]
    read = list_out_of_sync if query["out_of_sync"] else list_mappings
    with services().pool.connection() as conn, tenant(conn, store_id):
        found = read(conn, store_id, query["cursor"], size + 1)
    last = last_before_more(found, size)
    return Mappings([mapping_answer(one) for one in found[:size]], last.internal_product_id if last else None)


@operation(
    blueprint,
    "get",
    "/drift",
    name="listDrift",
    tag=TAG,
    summary="List products in which the shop differs",
    about="What the shop was last seen to have and the ERP states, field by field, since when, and what is done about it.",
    access=("read",),
    query=ItemsQuery,
    answers=(Answer(200, "A page.", Drift),),
)
def show_drift(query: dict[str, Any]) -> Drift:
    store_id, size = current_store_id(), query["limit"]
    with services().pool.connection() as conn, tenant(conn, store_id):
        found = page_findings(conn, store_id, query["cursor"], size + 1)
        check = get_check(conn, store_id)
        settings = read_drift_settings(get_drift_settings(conn, store_id))
    last = last_before_more(found, size)
    return drift_answer(found[:size], last.product_id if last else None, check, settings)


@operation(
    blueprint,
    "post",
    "/drift/check",
    name="checkDrift",
    tag=TAG,
    summary="Compare the shop with the ERP now",
    about="What changed in the shop since the last check; all products with `whole=true`. Differences are repaired, held or"
    " reported by the store's policy.",
    access=("admin",),
    audit="drift.check",
    query=DriftCheckQuery,
    answers=(Answer(202, "It will be made.", DriftCheckReceipt),),
)
def check_drift(query: dict[str, Any]) -> Reply:
    store_id = current_store_id()
    with services().pool.connection() as conn, tenant(conn, store_id):
        request_check(conn, store_id, whole=query["whole"])
    services().wake_up.push(store_id)
    return Reply(DriftCheckReceipt("pending", query["whole"]), 202)
