"""A shop in step with an ERP (specification 3): what may be looked at."""

from __future__ import annotations

from app.openapi.operation import CALLER, SERVER, Answer, Operation, uuid_place
from app.openapi.operations.woocommerce import BATCH_ID, PRODUCT_ID, TAG
from app.openapi.operations.woocommerce_examples import MAPPING, RUN, STATS, SYNC_ITEM
from schemas.answers import outbound as shapes
from schemas.requests.lists import ItemsQuery, MappingsQuery, PageQuery

OPERATIONS = (
    Operation(
        name="getSyncStats",
        method="get",
        path="/api/v1/woocommerce/sync/status",
        tag=TAG,
        summary="What waits, what failed, and what came late",
        about="SyncStats of the store.",
        answers=(Answer(200, "Figures.", shapes.SyncStatsSchema, STATS),),
        errors=(*CALLER, *SERVER),
    ),
    Operation(
        name="listFailedItems",
        method="get",
        path="/api/v1/woocommerce/sync/failed",
        tag=TAG,
        summary="List failed items",
        about="Newest first, a page at a time.",
        role="admin",
        query=ItemsQuery,
        answers=(Answer(200, "A page.", shapes.ItemsSchema, {"items": [SYNC_ITEM], "nextCursor": None}),),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="getSyncItem",
        method="get",
        path="/api/v1/woocommerce/sync/items/{itemId}",
        tag=TAG,
        summary="Poll one item",
        about="What became of one change.",
        places={"itemId": uuid_place("`syncItemId` of a receipt")},
        answers=(Answer(200, "The item.", shapes.ItemSchema, SYNC_ITEM),),
        errors=(*CALLER, "NOT_FOUND", *SERVER),
    ),
    Operation(
        name="listSyncBatches",
        method="get",
        path="/api/v1/woocommerce/sync/batches",
        tag=TAG,
        summary="List runs and holds",
        about="The newest of them.",
        query=PageQuery,
        answers=(Answer(200, "Runs and holds.", shapes.BatchesSchema, {"batches": [{**RUN, "failedItems": []}]}),),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="getSyncBatch",
        method="get",
        path="/api/v1/woocommerce/sync/batches/{batchId}",
        tag=TAG,
        summary="Poll one run, or look at a hold",
        about="BatchSyncResult, also of a run that goes on.",
        places=BATCH_ID,
        answers=(Answer(200, "The run or hold.", shapes.BatchSchema, RUN),),
        errors=(*CALLER, "NOT_FOUND", *SERVER),
    ),
    Operation(
        name="listMappings",
        method="get",
        path="/api/v1/woocommerce/mappings",
        tag=TAG,
        summary="Which product is which in the shop",
        about="With `out_of_sync=true` the products whose state the shop has not got, unmapped ones included.",
        query=MappingsQuery,
        answers=(Answer(200, "A page.", shapes.MappingsSchema, {"mappings": [MAPPING], "nextCursor": None}),),
        errors=("VALIDATION_ERROR", *CALLER, *SERVER),
    ),
    Operation(
        name="getMapping",
        method="get",
        path="/api/v1/woocommerce/mappings/{productId}",
        tag=TAG,
        summary="One product's place in the shop",
        about="ProductSyncMapping.",
        places=PRODUCT_ID,
        answers=(Answer(200, "The mapping.", shapes.MappingSchema, MAPPING),),
        errors=("VALIDATION_ERROR", *CALLER, "NOT_FOUND", *SERVER),
    ),
)
