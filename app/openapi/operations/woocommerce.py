"""A shop in step with an ERP (specification 3): what may be asked for."""

from __future__ import annotations

from typing import Any

from app.openapi.operation import BODY, CALLER, SERVER, Answer, Body, Link, Operation, choice_place, uuid_place
from app.openapi.operations.pulls import STARTED, started
from app.openapi.operations.woocommerce_examples import BATCH, DRY_RUN, ITEM, PREVIEWED_ORDERS, PRODUCT
from schemas.answers import outbound as shapes
from schemas.requests.lists import DryRunPageQuery, DryRunQuery
from schemas.requests.outbound import PullOrdersSchema, RunSchema

TAG = "WooCommerce"
PRODUCT_ID = {"productId": uuid_place("the ERP's id of the product")}
BATCH_ID = {"batchId": uuid_place("`batchId` of a run or a hold")}
PREVIEWED = "The differences (`dry_run=true`)"
FLIGHT = ("Location", "Retry-After")


def _run(name: str, what: str, query: type[DryRunQuery], preview: dict[str, Any]) -> Operation:
    flight = {"batchId": BATCH, "totalProducts": 2, "status": "syncing", "pollAfterSeconds": 1}
    return Operation(
        name=f"syncAll{name.capitalize()}",
        method="post",
        path=f"/api/v1/woocommerce/sync/{'all' if name == 'products' else name}",
        tag=TAG,
        summary=f"Send all {name}",
        about=f"{what} that the shop has not got as they are; all of them with `force`.",
        role="admin",
        query=query,
        body=Body(RunSchema, {"force": False}, required=False),
        answers=(
            Answer(
                202,
                "On its way. Poll `statusUrl`.",
                shapes.RunReceiptSchema,
                {**flight, "statusUrl": f"/api/v1/woocommerce/sync/batches/{BATCH}"},
                headers=FLIGHT,
                links=(Link("getSyncBatch", {"batchId": "$response.body#/data/batchId"}),),
            ),
            Answer(200, f"{PREVIEWED}.", shapes.PreviewsSchema, preview),
        ),
        errors=(*BODY, *CALLER, "CONFLICT", "PLATFORM_FAILED", *SERVER),
    )


OPERATIONS = (
    _run("products", "Products", DryRunPageQuery, {**DRY_RUN, "lookedAt": 2, "nextCursor": None}),
    _run("categories", "Categories", DryRunQuery, DRY_RUN),
    Operation(
        name="syncProduct",
        method="post",
        path="/api/v1/woocommerce/sync/{syncType}/{productId}",
        tag=TAG,
        summary="Send one product whole, its stock or its price",
        about="Polled, or waited for with `Prefer: wait=N`. With `dry_run=true` the shop is read and nothing is written;"
        " 409 where the shop is not connected.",
        places={"syncType": choice_place("product", "stock", "price"), **PRODUCT_ID},
        query=DryRunQuery,
        headers=("Prefer",),
        answers=(
            Answer(
                202,
                "On its way. Poll `statusUrl`.",
                shapes.ItemReceiptSchema,
                {
                    "syncItemId": ITEM,
                    "productId": PRODUCT,
                    "syncType": "price",
                    "status": "pending",
                    "statusUrl": f"/api/v1/woocommerce/sync/items/{ITEM}",
                    "pollAfterSeconds": 1,
                },
                headers=FLIGHT,
                links=(Link("getSyncItem", {"itemId": "$response.body#/data/syncItemId"}),),
            ),
            Answer(
                200,
                f"{PREVIEWED}, or the result where it was waited for.",
                shapes.SyncResultSchema,
                {
                    "success": True,
                    "productId": PRODUCT,
                    "wooCommerceId": 501,
                    "syncType": "price",
                    "duration": 412,
                    "error": None,
                    "syncItemId": ITEM,
                    "status": "completed",
                },
                or_else=shapes.PreviewsSchema,
                may_have=("Preference-Applied",),
            ),
        ),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", "CONFLICT", "PLATFORM_FAILED", *SERVER),
    ),
    Operation(
        name="retryFailedItems",
        method="post",
        path="/api/v1/woocommerce/sync/retry",
        tag=TAG,
        summary="Try all failed items again",
        about="Permanent failures too: a person may have mended what was wrong. With `dry_run=true` the differences"
        " of a page of them: the shop is read and nothing is written; 409 where the shop is not connected.",
        role="admin",
        query=DryRunPageQuery,
        answers=(Answer(200, "How many.", shapes.RetriedSchema, {"retryCount": 1}, or_else=shapes.PreviewsSchema),),
        errors=("VALIDATION_ERROR", *CALLER, "CONFLICT", "PLATFORM_FAILED", *SERVER),
    ),
    Operation(
        name="approveSyncBatch",
        method="post",
        path="/api/v1/woocommerce/sync/batches/{batchId}/approve",
        tag=TAG,
        summary="Let a held run go on",
        about="409 where nothing is held under this id any more.",
        role="admin",
        places=BATCH_ID,
        answers=(Answer(200, "What was let go.", shapes.ApprovedSchema, {"batchId": BATCH, "approvedItems": 40}),),
        errors=(*CALLER, "NOT_FOUND", "CONFLICT", *SERVER),
    ),
    Operation(
        name="rejectSyncBatch",
        method="post",
        path="/api/v1/woocommerce/sync/batches/{batchId}/reject",
        tag=TAG,
        summary="Give up what is held",
        about="The shop keeps what it has. 409 where nothing is held under this id any more.",
        role="admin",
        places=BATCH_ID,
        answers=(Answer(200, "What was given up.", shapes.RejectedSchema, {"batchId": BATCH, "rejectedItems": 40}),),
        errors=(*CALLER, "NOT_FOUND", "CONFLICT", *SERVER),
    ),
    Operation(
        name="pullWoocommerceOrders",
        method="post",
        path="/api/v1/woocommerce/pull/orders",
        tag=TAG,
        summary="Pull the shop's orders",
        about="What changed since the last pull, or since `since`. 400 for a moment that has not come yet. 409 while another"
        " run is in progress, and where the shop is not connected. With `dry_run=true` the first page of them, and nothing is"
        " stored.",
        query=DryRunQuery,
        body=Body(PullOrdersSchema, {"since": "2026-01-15T00:00:00Z"}, required=False),
        answers=(
            started({**STARTED, "syncMode": "update"}),
            Answer(200, "The first page (`dry_run=true`).", shapes.PreviewedOrdersSchema, PREVIEWED_ORDERS),
        ),
        errors=(*BODY, *CALLER, "CONFLICT", "PLATFORM_FAILED", *SERVER),
    ),
)
