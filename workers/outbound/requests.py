"""Requests that changes are sent: creates sync items, or joins waiting ones. The caller commits, then wakes a worker."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from psycopg import Connection

from db.outbound.items import ItemRequest, Origin, lock_items, request_category_items, request_product_items
from workers.core.ids import new_ids
from workers.outbound.planning.priorities import PRIORITIES, SLA_SECONDS

ProductChange = tuple[UUID, str]  # a product's id and a sync type
AT_ONCE = 5000


def request_products(conn: Connection, store_id: UUID, changes: Iterable[ProductChange], origin: Origin) -> list[UUID]:
    """Returns the ids of the items; a change that is repeated, or waits already, is one item.

    Changes of one type are sent in the order given.
    """
    distinct = list(dict.fromkeys(changes))
    ids: list[UUID] = []
    lock_items(conn, store_id)
    for start in range(0, len(distinct), AT_ONCE):
        chunk = distinct[start : start + AT_ONCE]
        ids += request_product_items(conn, store_id, _item_requests(chunk), origin)
    return ids


def request_categories(conn: Connection, store_id: UUID, category_ids: Collection[UUID], origin: Origin) -> list[UUID]:
    """Returns the ids of the items; a category that waits already has one item."""
    distinct = sorted(set(category_ids))
    lock_items(conn, store_id)
    return request_category_items(conn, store_id, _item_requests([(one, "category") for one in distinct]), origin)


def _item_requests(changes: list[ProductChange]) -> list[ItemRequest]:
    return [
        ItemRequest(item_id, target_id, sync_type, PRIORITIES[sync_type], SLA_SECONDS[sync_type])
        for item_id, (target_id, sync_type) in zip(new_ids(len(changes)), changes, strict=True)
    ]
