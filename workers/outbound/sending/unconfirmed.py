"""What the shop has after a call whose answer nobody recorded: the old state or the new one. So neither counts as sent.

Or a value that changes back while such a call is in doubt would look as if the shop had it already.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from psycopg import Connection

from db.outbound.erp_categories import forget_sent_categories
from db.outbound.item_claims import ClaimedItem, Orphan
from db.outbound.mappings import forget_sent_parts
from workers.outbound.planning.field_groups import wanted_parts


def forget_sent(conn: Connection, store_id: UUID, items: Iterable[ClaimedItem | Orphan]) -> None:
    """Let the parts that these items may have written be sent once more, whatever they are by then; under `lock_items`."""
    parts, categories = set(), set()
    for item in items:
        if item.product_id is not None:
            parts |= {(item.product_id, part) for part in wanted_parts([item.sync_type])}
        elif item.category_id is not None:
            categories.add(item.category_id)
    if parts:
        forget_sent_parts(conn, store_id, sorted(parts))
    if categories:
        forget_sent_categories(conn, store_id, sorted(categories))
