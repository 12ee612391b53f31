"""The plugin's batches (specifications 1 and 2)."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema

from app.openapi.operation import BODY, CALLER, SERVER, Answer, Batch, Link, Operation
from schemas.answers.jobs import ReceiptSchema, ResultSchema
from schemas.plugin.categories import CategorySchema
from schemas.plugin.customers import CustomerSchema
from schemas.plugin.orders import OrderSchema
from schemas.plugin.products import ProductSchema

LOG = "01a1fc05-3a02-7202-b70c-5ff2ed410956"
RECEIPT = {
    "syncLogId": LOG,
    "jobId": LOG,
    "status": "running",
    "receivedCount": 1,
    "statusUrl": f"/api/sync/jobs/{LOG}",
    "pollAfterSeconds": 1,
}
ORDER = {
    "wc_order_id": 1001,
    "date_created": "2026-01-15T10:30:00Z",
    "date_modified": "2026-01-15T12:00:00Z",
    "status": "completed",
    "total": 99.99,
    "currency": "USD",
    "customer_id": 42,
    "items": [
        {"product_name": "Blue Widget", "sku": "BW-001", "quantity": 2, "total": 49.99, "wc_product_id": 501},
    ],
}
PRODUCT = {
    "wc_product_id": 501,
    "name": "Blue Widget",
    "sku": "BW-001",
    "price": "24.99",
    "category_id": 10,
    "stock_quantity": 12,
    "updated_at": "2026-01-14T08:00:00Z",
}
CUSTOMER = {
    "wc_customer_id": 42,
    "email": "anna@example.com",
    "display_name": "Anna",
    "total_spent": "310.50",
    "order_count": 3,
    "created_at": "2025-11-02T09:12:00Z",
}
CATEGORY = {"wc_category_id": 10, "name": "Widgets", "parent_id": 0, "product_count": 7}

ABOUT = """The batch is committed before the answer, and processed after it: 202 means that it will end `completed` or `failed`,
whatever is restarted meanwhile. Each record is judged by itself: one that does not fit its schema is skipped with a reason, and
the others are applied. A record is the whole state: an optional field that is left out becomes empty. The newer state wins,
whichever batch is processed first. `Content-Encoding: gzip` is welcome."""

ACCEPTED = Answer(
    202,
    "Kept. Poll `statusUrl`.",
    ReceiptSchema,
    RECEIPT,
    headers=("Location", "Retry-After"),
    may_have=("Idempotent-Replayed",),
    links=(
        Link("getJob", {"jobId": "$response.body#/data/jobId"}),
        Link("getJobErrors", {"jobId": "$response.body#/data/jobId"}),
        Link("cancelJob", {"jobId": "$response.body#/data/jobId"}),
        Link("retryJob", {"jobId": "$response.body#/data/jobId"}),
    ),
)
DONE = Answer(
    200,
    "Completed: an empty batch, or one that ended within the time of `Prefer: wait=N`.",
    ResultSchema,
    {"syncedCount": 1, "skippedCount": 0, "syncLogId": LOG},
    may_have=("Idempotent-Replayed", "Preference-Applied"),
)


def _batch(name: str, record: type[Schema], example: dict[str, Any]) -> Operation:
    return Operation(
        name=f"post{name.capitalize()}",
        method="post",
        path=f"/api/sync/{name}",
        tag="Batches",
        summary=f"Send a batch of {name}",
        about=ABOUT,
        headers=("Idempotency-Key", "Prefer"),
        body=Batch(name, record, example),
        answers=(ACCEPTED, DONE),
        errors=(*BODY, *CALLER, "IDEMPOTENCY_KEY_REUSED", "SYNC_FAILED", *SERVER),
    )


OPERATIONS = (
    _batch("orders", OrderSchema, ORDER),
    _batch("products", ProductSchema, PRODUCT),
    _batch("customers", CustomerSchema, CUSTOMER),
    _batch("categories", CategorySchema, CATEGORY),
)
