"""Answers about a shop kept in step with an ERP, in the words of specification 3."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from schemas.answers.fields import AnswerData, Count, Moment, Rate, about, one_of
from schemas.answers.jobs import Code, ErrorsNotListed
from schemas.records.erp import DISCONTINUED_POLICIES, TRASHED_POLICIES

EXAMPLE_PRODUCT = "5d1e0c0e-6c1f-4b86-9a53-0f3b7c3c1a11"
EXAMPLE_ITEM = "01a1fc05-4b10-7a01-8f21-1c2d3e4f5a6b"
EXAMPLE_BATCH = "01a1fc05-4b10-7a01-8f21-9c2d3e4f5a6b"
ITEM_STATUSES = ("pending", "syncing", "completed", "failed", "needs_approval", "superseded")

ProductId = Annotated[UUID, about(example=EXAMPLE_PRODUCT)]
ItemId = Annotated[UUID, about(example=EXAMPLE_ITEM)]
BatchId = Annotated[UUID, about(example=EXAMPLE_BATCH)]
WooId = Annotated[Count, about(example=501)]
SyncType = Annotated[str, one_of("price", "stock", "product", "category", "image")]
Sku = Annotated[str | None, about(example="BW-001")]
Amount = Annotated[str, about("a decimal number", example="49.98")]
# Text, because the preview writes its times with `+00:00` and clients may compare them as text.
MomentText = Annotated[str, Meta(extra_json_schema={"format": "date-time"}), about(example="2026-01-15T12:00:00+00:00")]
CountsByName = dict[str, dict[str, Count]]


class RefusedField(AnswerData):
    """One thing wrong with one record of the ERP."""

    index: Annotated[Count, about(example=0)]
    field: Annotated[str, about(example="sku")]
    code: Code
    reason: Annotated[str, about(example="is missing or empty")]


class Intake(AnswerData):
    """Where each record of the ERP went; receivedCount is the sum of the five after it."""

    received_count: Count
    inserted_count: Count
    updated_count: Annotated[Count, about(example=0)]
    unchanged_count: Annotated[Count, about(example=0)]
    stale_count: Annotated[Count, about(example=0)]
    skipped_count: Annotated[Count, about(example=0)]
    queued_items: Annotated[Count, about("changes on their way to the shop")]
    masked_count: Annotated[
        Count, about("records taken with an e-mail address in a text, which was cut to its first letter", example=0)
    ]
    errors: Annotated[list[RefusedField], about("at most 5,000", example=[])]
    errors_not_listed: ErrorsNotListed


class ItemError(AnswerData):
    """Why an item failed."""

    code: Annotated[str, about(example="AUTHENTICATION")]
    message: Annotated[str | None, about(example="the shop refused the credentials")]


class Item(AnswerData):
    """A sync item: one change of one product or category on its way to the shop."""

    sync_item_id: ItemId
    product_id: ProductId | None
    category_id: Annotated[UUID | None, about(example=None)]
    woo_commerce_id: Annotated[Count | None, about(example=None)]
    sync_type: SyncType
    status: Annotated[str, one_of(*ITEM_STATUSES), about(example="failed")]
    attempts: Count
    max_attempts: Annotated[Count, about(example=5)]
    requests: Annotated[Count, about("how many requests for the same change it stands for")]
    last_attempt: Moment | None
    next_attempt_at: Annotated[Moment | None, about(example=None)]
    created_at: Moment
    completed_at: Moment | None
    due_at: Annotated[Moment, about("its deadline by the SLA of its type")]
    sla_breach: Annotated[
        Annotated[str, one_of("queue", "platform", "backoff", "validation")] | None,
        about("what made it late", example=None),
    ]
    batch_id: BatchId | None
    hold_id: Annotated[UUID | None, about("the hold that waits for approval", example=None)]
    error: ItemError | None
    retryable: bool | None


class Items(AnswerData):
    """A page of items."""

    items: list[Item]
    next_cursor: Annotated[UUID | None, about(example=None)]


class ItemReceipt(AnswerData):
    """A change that is on its way."""

    sync_item_id: ItemId
    product_id: ProductId
    sync_type: Annotated[str, one_of("product", "stock", "price")]
    status: Annotated[str, one_of("pending")]
    status_url: Annotated[str, about(example=f"/api/v1/woocommerce/sync/items/{EXAMPLE_ITEM}")]
    poll_after_seconds: Count


class SyncResult(AnswerData):
    """What became of a change that was waited for, whether it succeeded or not."""

    success: Annotated[bool, about(example=True)]
    product_id: ProductId | None
    woo_commerce_id: WooId | None
    sync_type: SyncType
    duration: Annotated[Count, about("milliseconds", example=412)]
    error: Annotated[ItemError | None, about(example=None)]
    sync_item_id: ItemId
    status: Annotated[str, one_of("completed", "failed", "superseded", "needs_approval")]


class RunReceipt(AnswerData):
    """A run over everything that is on its way."""

    batch_id: BatchId
    total_products: Annotated[Count, about("items of the run", example=2)]
    status: Annotated[str, one_of("syncing", "completed")]
    status_url: Annotated[str, about(example=f"/api/v1/woocommerce/sync/batches/{EXAMPLE_BATCH}")]
    poll_after_seconds: Count


class Batch(AnswerData):
    """BatchSyncResult of a run, or a hold with its preview."""

    batch_id: BatchId
    kind: Annotated[str, one_of("full", "categories", "hold")]
    status: Annotated[
        str,
        one_of("syncing", "completed", "needs_approval", "approved", "released", "rejected"),
        about(example="completed"),
    ]
    batch_size: Annotated[Count, about(example=100)]
    total_products: Annotated[Count, about(example=2)]
    synced: Count
    failed: Count
    held: Annotated[Count, about("items that wait for approval", example=0)]
    duration: Annotated[Count, about("milliseconds", example=3120)]
    failed_items: Annotated[list[Item], about("the newest of them")]
    preview: Annotated[dict[str, Any] | None, about("of a hold: what would change", example=None)]
    started_at: Moment | None
    completed_at: Moment | None
    created_at: Moment


class Batches(AnswerData):
    """The newest runs and holds."""

    batches: list[Batch]


class SeenDifference(AnswerData):
    """A field in which the shop differed from the ERP when it was last read; long values are cut."""

    field: Annotated[str, about(example="regular_price")]
    woo_commerce: Annotated[Any, about("the shop's", example="24.99")]
    erp: Annotated[Any, about("the ERP's, as it is sent", example="22.00")]
    since: Annotated[Moment, about("when the shop was first seen to have its value")]
    was_sent: Annotated[bool, about("whether the shop took the ERP's value and kept its own", example=False)]


class DriftedField(SeenDifference):
    """A field that differs, and what is done about it."""

    policy: Annotated[str, one_of("repair", "hold", "report"), about("what a check does about it")]


class DriftedProduct(AnswerData):
    """A product in which the shop was last seen to differ."""

    product_id: ProductId
    sku: Sku
    woo_commerce_id: WooId
    status: Annotated[str, about("of its mapping", example="synced")]
    is_open: Annotated[bool, about("whether a change of it waits, is held or is being sent", example=False)]
    differences: list[DriftedField]


class Drift(AnswerData):
    """A page of products in which the shop differs, and the checks that look for them."""

    products: list[DriftedProduct]
    next_cursor: Annotated[UUID | None, about(example=None)]
    checked_at: Annotated[Moment | None, about("when a check last ended")]
    whole_at: Annotated[Moment | None, about("when all products were last compared")]
    is_due: Annotated[bool, about("whether a check waits or goes on", example=False)]
    error: Annotated[str | None, about("the error code of the last try, if it failed", example=None)]


class DriftCheckReceipt(AnswerData):
    """A check that will be made by the next sender."""

    status: Annotated[str, one_of("pending")]
    is_whole: Annotated[bool, about("whether all products are compared", example=False)]


class Mapping(AnswerData):
    """ProductSyncMapping: which product is which in the shop."""

    internal_product_id: ProductId
    sku: Sku
    woo_commerce_product_id: WooId | None
    woo_commerce_parent_id: Annotated[
        int | None, about("the variable product whose variation it is; null for a product", example=None)
    ]
    last_synced: Moment | None
    sync_status: Annotated[str | None, about(example="synced")]
    in_sync: Annotated[
        bool, about("whether the shop was seen to have each part as the ERP states it now", example=True)
    ]
    seen_at: Annotated[Moment | None, about("when all of it was last compared with the shop")]
    differences: Annotated[list[SeenDifference], about("what differed when the shop was last read", example=[])]
    error_message: Annotated[str | None, about(example=None)]
    created_at: Moment | None
    updated_at: Moment | None


class Mappings(AnswerData):
    """A page of mappings."""

    mappings: list[Mapping]
    next_cursor: Annotated[UUID | None, about(example=None)]


class SyncStats(AnswerData):
    """SyncStats of a store."""

    pending: Annotated[Count, about(example=0)]
    syncing: Annotated[Count, about(example=0)]
    completed: Count
    failed: Count
    superseded: Annotated[Count, about(example=0)]
    needs_approval: Annotated[Count, about(example=0)]
    total: Annotated[Count, about(example=2)]
    by_type: Annotated[CountsByName, about(example={"price": {"completed": 1, "failed": 1}})]
    queue_depth: Annotated[Count, about(example=0)]
    overdue: Annotated[Count, about("waiting items past their deadline", example=0)]
    oldest_waiting_seconds: Annotated[Rate | None, about(example=None)]
    sla_breaches: Annotated[CountsByName, about(example={})]
    products: Annotated[Count, about("products the ERP has told of", example=2)]
    mapped_products: Count
    out_of_sync_products: Count


class Difference(AnswerData):
    """One field that differs."""

    field: Annotated[str, about(example="regular_price")]
    woo_commerce: Annotated[Any, about("the shop's", example="24.99")]
    erp: Annotated[Any, about("what would be sent", example="22.00")]


class Removed(AnswerData):
    """Markup of the ERP's that is not sent to the shop."""

    field: Annotated[str, one_of("name", "description")]
    parts: Annotated[list[str], about("tags, attributes, comments", example=["<script>"])]


class Preview(AnswerData):
    """What a sync would do to one product or category."""

    id: ProductId
    label: Annotated[str, about(example="BW-001")]
    action: Annotated[str, one_of("create", "update", "none"), about(example="update")]
    woo_commerce_id: WooId | None
    differences: list[Difference]
    removed: Annotated[
        list[Removed], about("what would be left out of the ERP's texts, for it could do harm in a browser")
    ]


class Previews(AnswerData, kw_only=True):
    """A dry run: nothing was written."""

    dry_run: Annotated[bool, about(example=True)]
    changes: list[Preview]
    looked_at: Annotated[int | UnsetType, about("products of this page, changed or not")] = UNSET
    next_cursor: UUID | UnsetType | None = UNSET


class DiscontinuedPolicy(AnswerData):
    """What becomes of discontinued products in the shop."""

    policy: Annotated[str, one_of(*DISCONTINUED_POLICIES), about(example="draft")]


class TrashedPolicy(AnswerData):
    """What becomes of products in the shop's trash."""

    policy: Annotated[
        str, one_of(*TRASHED_POLICIES), about("what becomes of a product that the ERP states", example="hold")
    ]


class Retried(AnswerData):
    """How many items are tried again."""

    retry_count: Count


class Approved(AnswerData):
    """What was let go."""

    batch_id: BatchId
    approved_items: Annotated[Count, about(example=40)]


class Rejected(AnswerData):
    """What was given up."""

    batch_id: BatchId
    rejected_items: Annotated[Count, about(example=40)]


class PulledItem(AnswerData):
    """A line of an order of the shop."""

    woo_commerce_product_id: WooId | None
    sku: Sku
    name: Annotated[str, about(example="Blue Widget")]
    quantity: Annotated[str, about(example="2")]
    total: Annotated[str, about("a decimal number; empty where the shop tells none", example="49.98")]


class PulledOrder(AnswerData):
    """PulledOrder: what is told of an order of the shop; nothing names the buyer."""

    woo_commerce_id: Annotated[Count, about(example=1001)]
    number: Annotated[str, about(example="1001")]
    status: Annotated[str, about(example="processing")]
    currency: Annotated[str | None, about(example="EUR")]
    total: Amount
    refunded_total: Annotated[str, about("a decimal number", example="0")]
    customer_id: Annotated[Count | None, about(example=7)]
    created_at: MomentText
    modified_at: MomentText | None
    items: list[PulledItem]


class PreviewedOrders(AnswerData):
    """A dry run of a pull: its first page. Nothing was stored."""

    dry_run: Annotated[bool, about(example=True)]
    orders: list[PulledOrder]
    refused: Annotated[Count, about("orders of the page that can't be read", example=0)]
    total: Annotated[Count | None, about("orders that the whole pull would read, where the shop says so")]


class RefusedEvent(AnswerData):
    """An event that can't be read."""

    index: Count
    reason: Annotated[str, one_of("unknown_event", "not_an_object", "no_store_id", "no_target_id")]


class EventsAnswer(AnswerData):
    """What became of the events."""

    received_count: Count
    accepted_count: Count
    refused: Annotated[list[RefusedEvent], about(example=[])]
