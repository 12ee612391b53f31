"""Asks for changes to be sent: makes sync items, or joins those that wait already. The caller commits, then wakes a worker."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from psycopg import Connection

from db.outbound.items import Origin, Wanted, lock_items, request_category_items, request_product_items
from workers.core.ids import new_ids
from workers.outbound.planning.priorities import PRIORITIES, SLA_SECONDS

Change = tuple[UUID, str]  # a product's id and a sync type
AT_ONCE = 5000


def request_products(conn: Connection, store_id: UUID, changes: Iterable[Change], origin: Origin) -> list[UUID]:
    """The ids of the items that stand for these changes; the same change twice is one."""
    distinct = sorted(set(changes))
    ids: list[UUID] = []
    lock_items(conn, store_id)
    for start in range(0, len(distinct), AT_ONCE):
        chunk = distinct[start : start + AT_ONCE]
        ids += request_product_items(conn, store_id, _wanted(chunk), origin)
    return ids


def request_categories(conn: Connection, store_id: UUID, category_ids: Collection[UUID], origin: Origin) -> list[UUID]:
    """The ids of the items that stand for these categories."""
    distinct = sorted(set(category_ids))
    lock_items(conn, store_id)
    return request_category_items(conn, store_id, _wanted([(one, "category") for one in distinct]), origin)


def _wanted(changes: list[Change]) -> list[Wanted]:
    return [
        Wanted(item_id, target_id, sync_type, PRIORITIES[sync_type], SLA_SECONDS[sync_type])
        for item_id, (target_id, sync_type) in zip(new_ids(len(changes)), changes, strict=True)
    ]
