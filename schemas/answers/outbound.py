"""Answers about a shop kept in step with an ERP, in the words of specification 3."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from schemas.answers.fields import (
    AnswerSchema,
    count,
    counts_by_name,
    free,
    one,
    rate,
    several,
    text,
    truth,
    uuid,
    when,
    word,
)
from schemas.base.error_codes import REASONS

SYNC_TYPES = ("price", "stock", "product", "category", "image")
ITEM_STATUSES = ("pending", "syncing", "completed", "failed", "needs_approval", "superseded")


class RefusedFieldSchema(AnswerSchema):
    """One thing wrong with one record of the ERP."""

    index = count()
    field = text()
    code = word(*REASONS)
    reason = text()


class IntakeSchema(AnswerSchema):
    """Where each record of the ERP went; receivedCount is the sum of the five after it."""

    receivedCount = count()
    insertedCount = count()
    updatedCount = count()
    unchangedCount = count()
    staleCount = count()
    skippedCount = count()
    queuedItems = count("changes on their way to the shop")
    errors = several(RefusedFieldSchema)


class ItemErrorSchema(AnswerSchema):
    """Why an item failed."""

    code = text()
    message = text(nullable=True)


class ItemSchema(AnswerSchema):
    """A sync item: one change of one product or category on its way to the shop."""

    syncItemId = uuid()
    productId = uuid(nullable=True)
    categoryId = uuid(nullable=True)
    wooCommerceId = count(nullable=True)
    syncType = word(*SYNC_TYPES)
    status = word(*ITEM_STATUSES)
    attempts = count()
    maxAttempts = count()
    requests = count("how many requests for the same change it stands for")
    lastAttempt = when(nullable=True)
    nextAttemptAt = when(nullable=True)
    createdAt = when()
    completedAt = when(nullable=True)
    dueAt = when("its deadline by the SLA of its type")
    slaBreach = word("queue", "platform", "backoff", "validation", about="what made it late", nullable=True)
    batchId = uuid(nullable=True)
    holdId = uuid("the hold that waits for approval", nullable=True)
    error = one(ItemErrorSchema, nullable=True)
    retryable = truth(nullable=True)


class ItemsSchema(AnswerSchema):
    """A page of items."""

    items = several(ItemSchema)
    nextCursor = uuid(nullable=True)


class ItemReceiptSchema(AnswerSchema):
    """A change that is on its way."""

    syncItemId = uuid()
    productId = uuid()
    syncType = word("product", "stock", "price")
    status = word("pending")
    statusUrl = text()
    pollAfterSeconds = count()


class SyncResultSchema(AnswerSchema):
    """What became of a change that was waited for, whether it succeeded or not."""

    success = truth()
    productId = uuid(nullable=True)
    wooCommerceId = count(nullable=True)
    syncType = word(*SYNC_TYPES)
    duration = count("milliseconds")
    error = one(ItemErrorSchema, nullable=True)
    syncItemId = uuid()
    status = word("completed", "failed", "superseded", "needs_approval")


class RunReceiptSchema(AnswerSchema):
    """A run over everything that is on its way."""

    batchId = uuid()
    totalProducts = count("items of the run")
    status = word("syncing", "completed")
    statusUrl = text()
    pollAfterSeconds = count()


class BatchSchema(AnswerSchema):
    """BatchSyncResult of a run, or a hold with its preview."""

    batchId = uuid()
    kind = word("full", "categories", "hold")
    status = word("syncing", "completed", "needs_approval", "approved", "released", "rejected")
    batchSize = count()
    totalProducts = count()
    synced = count()
    failed = count()
    held = count("items that wait for approval")
    duration = count("milliseconds")
    failedItems = several(ItemSchema, "the newest of them")
    preview = free("of a hold: what would change", nullable=True)
    startedAt = when(nullable=True)
    completedAt = when(nullable=True)
    createdAt = when()


class BatchesSchema(AnswerSchema):
    """The newest runs and holds."""

    batches = several(BatchSchema)


class MappingSchema(AnswerSchema):
    """ProductSyncMapping: which product is which in the shop."""

    internalProductId = uuid()
    sku = text(nullable=True)
    wooCommerceProductId = count(nullable=True)
    lastSynced = when(nullable=True)
    syncStatus = text(nullable=True)
    inSync = truth("whether the shop has each part of it as the ERP has it now")
    errorMessage = text(nullable=True)
    createdAt = when(nullable=True)
    updatedAt = when(nullable=True)


class MappingsSchema(AnswerSchema):
    """A page of mappings."""

    mappings = several(MappingSchema)
    nextCursor = uuid(nullable=True)


class SyncStatsSchema(AnswerSchema):
    """SyncStats of a store."""

    pending = count()
    syncing = count()
    completed = count()
    failed = count()
    superseded = count()
    needsApproval = count()
    total = count()
    byType = fields.Dict(keys=fields.String(), values=counts_by_name(), required=True)
    queueDepth = count()
    overdue = count("waiting items past their deadline")
    oldestWaitingSeconds = rate(nullable=True)
    slaBreaches = fields.Dict(keys=fields.String(), values=counts_by_name(), required=True)
    products = count("products the ERP has told of")
    mappedProducts = count()
    outOfSyncProducts = count()


class DifferenceSchema(AnswerSchema):
    """One field that differs."""

    field = text()
    wooCommerce: fields.Field[Any] = fields.Raw(required=True, allow_none=True, metadata={"description": "the shop's"})
    erp: fields.Field[Any] = fields.Raw(required=True, allow_none=True, metadata={"description": "what would be sent"})


class PreviewSchema(AnswerSchema):
    """What a sync would do to one product or category."""

    id = uuid()
    label = text()
    action = word("create", "update", "none")
    wooCommerceId = count(nullable=True)
    differences = several(DifferenceSchema)


class PreviewsSchema(AnswerSchema):
    """A dry run: nothing was written."""

    dryRun = truth()
    changes = several(PreviewSchema)
    lookedAt = fields.Integer(metadata={"description": "products of this page, changed or not"})
    nextCursor = fields.UUID(allow_none=True)


class RetriedSchema(AnswerSchema):
    """How many items are tried again."""

    retryCount = count()


class ApprovedSchema(AnswerSchema):
    """What was let go."""

    batchId = uuid()
    approvedItems = count()


class RejectedSchema(AnswerSchema):
    """What was given up."""

    batchId = uuid()
    rejectedItems = count()


class PulledItemSchema(AnswerSchema):
    """A line of an order of the shop."""

    wooCommerceProductId = count(nullable=True)
    sku = text(nullable=True)
    name = text()
    quantity = text()
    total = text("a decimal number; empty where the shop tells none")


class PulledOrderSchema(AnswerSchema):
    """PulledOrder: what is told of an order of the shop; nothing names the buyer."""

    wooCommerceId = count()
    number = text()
    status = text()
    currency = text(nullable=True)
    total = text("a decimal number")
    refundedTotal = text("a decimal number")
    customerId = count(nullable=True)
    createdAt = when()
    modifiedAt = when(nullable=True)
    items = several(PulledItemSchema)


class PreviewedOrdersSchema(AnswerSchema):
    """A dry run of a pull: its first page. Nothing was stored."""

    dryRun = truth()
    orders = several(PulledOrderSchema)
    refused = count("orders of the page that can't be read")
    total = count("orders that the whole pull would read, where the shop says so", nullable=True)


class RefusedEventSchema(AnswerSchema):
    """An event that is none."""

    index = count()
    reason = word("unknown_event", "not_an_object", "no_store_id", "no_target_id")


class EventsAnswerSchema(AnswerSchema):
    """What became of the events."""

    receivedCount = count()
    acceptedCount = count()
    refused = several(RefusedEventSchema)
