"""What a person or a schedule may start: one product, all products, all categories, a retry, a decision about a hold.

Each works in the caller's transaction; the caller commits, then wakes a worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from db.outbound.batches import insert_batch, size_batch
from db.outbound.erp_categories import list_erp_categories
from db.outbound.erp_products import get_products, list_product_ids
from db.outbound.item_holds import list_item_products, list_reopenable_items
from db.outbound.items import Origin, lock_items
from db.outbound.mappings import forget_rejections
from db.outbound.overview import lock_failed_group
from db.outbound.takeover import decide_takeover
from workers.core.ids import new_id
from workers.outbound.planning.product_plan import REJECTED
from workers.outbound.requests import request_categories, request_products
from workers.outbound.sending.claim import PRODUCTS_A_CALL
from workers.outbound.sending.holds import approve, reject, reopen

__all__ = [
    "AUTOMATIC_REST_SECONDS",
    "Run",
    "approve",
    "reject",
    "retry_failed",
    "retry_group",
    "say_yes_beforehand",
    "start_categories",
    "start_full",
    "start_one",
]

AUTOMATIC_REST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was started, and how many products or categories it is going to send."""

    batch_id: UUID
    items: int


def start_one(
    conn: Connection, store_id: UUID, product_id: UUID, sync_type: str, source: str, *, force: bool = False
) -> UUID | None:
    """Request one product; returns the item, None for a product that the ERP never sent.

    What differs in the shop is sent; with `force` all that the ERP states.
    """
    if product_id not in get_products(conn, store_id, [product_id]):
        return None
    return request_products(conn, store_id, [(product_id, sync_type)], Origin({"source": source}, force))[0]


def say_yes_beforehand(conn: Connection, store_id: UUID) -> None:
    """Let products that the shop has already go under the ordinary brakes, as if a person had approved the takeover."""
    decide_takeover(conn, store_id, "beforehand")


def start_full(conn: Connection, store_id: UUID, source: str, *, force: bool) -> Run:
    """Request all products: each is compared with the shop's. With `force` also what does not differ is sent."""
    batch_id = new_id()
    insert_batch(conn, store_id, batch_id, "full", PRODUCTS_A_CALL)
    product_ids = list_product_ids(conn, store_id)
    origin = Origin({"source": source}, force, batch_id)
    items = request_products(conn, store_id, [(product_id, "product") for product_id in product_ids], origin)
    size_batch(conn, store_id, batch_id)
    return Run(batch_id, len(items))


def start_categories(conn: Connection, store_id: UUID, source: str, *, force: bool) -> Run:
    batch_id = new_id()
    insert_batch(conn, store_id, batch_id, "categories", 1)
    unsent = [
        category.category_id
        for category in list_erp_categories(conn, store_id).values()
        if force or category.wc_category_id is None or category.sent_hash != category.content_hash
    ]
    items = request_categories(conn, store_id, unsent, Origin({"source": source}, force, batch_id))
    size_batch(conn, store_id, batch_id)
    return Run(batch_id, len(items))


def retry_failed(conn: Connection, store_id: UUID, *, everything: bool) -> int:
    """Retry failed items: all, or those that failed for a passing reason over a minute ago. Returns how many wait now.

    What a person rejected stays rejected; `retry_group` reopens it by name.
    """
    lock_items(conn, store_id)
    ids = list_reopenable_items(conn, store_id, everything, AUTOMATIC_REST_SECONDS, REJECTED)
    return reopen(conn, store_id, ids, approved=False)


def retry_group(conn: Connection, store_id: UUID, sync_type: str, error_code: str) -> int:
    """Retry the failed items of one type and error code, permanent failures too. Returns how many wait now.

    Rejected values are weighed again.
    """
    lock_items(conn, store_id)
    ids = lock_failed_group(conn, store_id, sync_type, error_code)
    if error_code == REJECTED:
        forget_rejections(conn, store_id, list_item_products(conn, store_id, ids))
    return reopen(conn, store_id, ids, approved=False)
