"""Handles calls without a confirmed result: the shop may have the old values or the new ones, so neither counts as seen."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from psycopg import Connection

from db.outbound.erp_categories import forget_sent_categories
from db.outbound.item_claims import ClaimedItem, OrphanedItem
from db.outbound.mappings import forget_seen_groups
from workers.outbound.planning.field_groups import requested_groups


def forget_unconfirmed(conn: Connection, store_id: UUID, items: Iterable[ClaimedItem | OrphanedItem]) -> None:
    """Say no longer that the shop has what these items may have written. Needs `lock_items`."""
    groups, categories = set(), set()
    for item in items:
        if item.product_id is not None:
            groups |= {(item.product_id, group) for group in requested_groups([item.sync_type])}
        elif item.category_id is not None:
            categories.add(item.category_id)
    if groups:
        forget_seen_groups(conn, store_id, sorted(groups))
    if categories:
        forget_sent_categories(conn, store_id, sorted(categories))
