"""The ERP's events (specification 3, HandleSyncEvent): which change each one requests, and the items made of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.items import Origin
from workers.core.queues import WakeUp
from workers.outbound.intake.discontinue import discontinue_products
from workers.outbound.requests import request_categories, request_products

PRODUCT_EVENTS = {
    "inventory.stock_changed": "stock",
    "inventory.stock_updated": "stock",
    "pricing.price_changed": "price",
    "pricing.price_updated": "price",
    "product.updated": "product",
    "product.created": "product",
    "product.deleted": "product",
    "product.category_changed": "category",
    "product.image_added": "image",
    "product.image_updated": "image",
}
DELETION = "product.deleted"
CATEGORY_EVENTS = ("category.created", "category.updated")
CHANNELS = (*PRODUCT_EVENTS, *CATEGORY_EVENTS)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one product, or of a category, which has no `sync_type`. `is_deletion`: the product was discontinued."""

    store_id: UUID
    target_id: UUID
    sync_type: str | None
    is_deletion: bool = False


def read_event(name: Any, data: Any, store_id: UUID | None = None) -> Event | str:
    """The event, or a one-word reason why it is refused.

    `data` has `productId` or `categoryId`, and `storeId` unless the caller's token already names the store.
    """
    if name not in CHANNELS:
        return "unknown_event"
    if not isinstance(data, Mapping):
        return "not_an_object"
    store = store_id or _uuid(data.get("storeId"))
    if store is None:
        return "no_store_id"
    target = _uuid(data.get("categoryId" if name in CATEGORY_EVENTS else "productId"))
    if target is None:
        return "no_target_id"
    return Event(store, target, PRODUCT_EVENTS.get(name), name == DELETION)


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def take_events(pool: Pool, wake_up: WakeUp, events: Iterable[Event], source: str) -> Counter[str]:
    """Request items for events, one transaction per store; returns counts of `accepted` and `unknown_store`.

    Raises psycopg.Error and PoolTimeout: the caller keeps the events and passes all of them again.
    """
    by_store: dict[UUID, list[Event]] = defaultdict(list)
    for event in events:
        by_store[event.store_id].append(event)
    origin = Origin({"source": source})
    counts: Counter[str] = Counter()
    for store_id, several in by_store.items():
        deleted = {one.target_id for one in several if one.is_deletion}
        products = [(one.target_id, one.sync_type) for one in several if one.sync_type and not one.is_deletion]
        categories = [one.target_id for one in several if not one.sync_type]
        try:
            with pool.connection() as conn, tenant(conn, store_id):
                if deleted:
                    discontinue_products(conn, store_id, deleted, origin)
                request_products(conn, store_id, products, origin)
                request_categories(conn, store_id, categories, origin)
        except ForeignKeyViolation:
            counts["unknown_store"] += len(several)
            continue
        counts["accepted"] += len(several)
        wake_up.push(store_id)
    return counts
