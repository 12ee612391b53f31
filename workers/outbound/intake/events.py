"""What the ERP's events mean (specification 3, HandleSyncEvent): which change each one asks for; and making items of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from app.settings.logs import get_logger
from db.core.pool import Pool
from db.core.tenancy import tenant
from db.outbound.items import Origin
from workers.core.queues import WakeUp
from workers.outbound.requests import request_categories, request_products

log = get_logger(__name__)

PRODUCT_EVENTS = {
    "inventory.stock_changed": "stock",
    "inventory.stock_updated": "stock",
    "pricing.price_changed": "price",
    "pricing.price_updated": "price",
    "product.updated": "product",
    "product.created": "product",
    "product.category_changed": "category",
    "product.image_added": "image",
    "product.image_updated": "image",
}
CATEGORY_EVENTS = ("category.created", "category.updated")
CHANNELS = (*PRODUCT_EVENTS, *CATEGORY_EVENTS)


@dataclass(frozen=True, slots=True)
class Event:
    """A change of one product or category. `sync_type` is None for a category's."""

    store_id: UUID
    target_id: UUID
    sync_type: str | None


def read_event(name: Any, data: Any, store_id: UUID | None = None) -> Event | str:
    """An event by its name and its data, or in a word why it is none.

    Data: `productId` or `categoryId`, and `storeId` unless the caller's token has told the store.
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
    return Event(store, target, PRODUCT_EVENTS.get(name))


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def take_events(pool: Pool, wake_up: WakeUp, events: Iterable[Event], source: str) -> Counter[str]:
    """Make items of events, a transaction a store; the counts of `accepted` and `unknown_store` ones.

    Raises psycopg.Error and PoolTimeout: then the caller still has the events, and brings them again.
    """
    by_store: dict[UUID, list[Event]] = defaultdict(list)
    for event in events:
        by_store[event.store_id].append(event)
    counts: Counter[str] = Counter()
    for store_id, several in by_store.items():
        try:
            _take(pool, store_id, several, Origin({"source": source}))
        except ForeignKeyViolation:
            counts["unknown_store"] += len(several)
            continue
        counts["accepted"] += len(several)
        wake_up.push(store_id)
    return counts


def _take(pool: Pool, store_id: UUID, events: Sequence[Event], origin: Origin) -> None:
    with pool.connection() as conn, tenant(conn, store_id):
        request_products(conn, store_id, [(one.target_id, one.sync_type) for one in events if one.sync_type], origin)
        request_categories(conn, store_id, [one.target_id for one in events if not one.sync_type], origin)
