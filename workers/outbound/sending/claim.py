"""Claims the items of one call, in one short transaction: after the brakes, by priority, then age."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from psycopg import Connection

from db.core.session import prefer_index_order
from db.outbound.erp_categories import StoredCategory, list_erp_categories
from db.outbound.erp_products import get_products
from db.outbound.item_claims import ClaimedItem, claim_category_items, claim_product_items, next_is_category
from db.outbound.items import lock_items
from db.outbound.mappings import get_mappings
from db.outbound.policies import get_policy
from db.outbound.push_leases import hold_lease
from schemas.records.erp import TRASHED_POLICIES
from workers.core.ids import new_id
from workers.outbound.planning.pacing import PRODUCTS_A_CALL as PRODUCTS_A_CALL
from workers.outbound.planning.product_plan import ProductTask, build_tasks
from workers.outbound.sending.holds import hold_suspicious_changes

CATEGORIES_A_CLAIM = 20


@dataclass(frozen=True, slots=True)
class ItemClaim:
    """The items of one call: tasks of products, or categories alone. `categories` are all of the store's.

    `trashed_policy` is what becomes of products in the shop's trash.
    """

    id: UUID
    tasks: list[ProductTask]
    category_items: list[ClaimedItem]
    categories: dict[UUID, StoredCategory]
    trashed_policy: str = TRASHED_POLICIES[0]


def claim_next(conn: Connection, store_id: UUID, holder: UUID, most: int) -> ItemClaim | None:
    """Claim in the caller's transaction; None if nothing is due, or the holder may no longer send."""
    if not hold_lease(conn, store_id, holder):
        return None
    lock_items(conn, store_id)
    hold_suspicious_changes(conn, store_id)
    # With statistics from before ten thousand items came in, PostgreSQL would sort all waiting items at each claim.
    prefer_index_order(conn)
    is_category = next_is_category(conn, store_id)
    if is_category is None:
        return None
    claim_id, categories = new_id(), list_erp_categories(conn, store_id)
    if is_category:
        items = claim_category_items(conn, store_id, claim_id, holder, CATEGORIES_A_CLAIM)
        return ItemClaim(claim_id, [], items, categories)
    items = claim_product_items(conn, store_id, claim_id, holder, most)
    tasks = _load_tasks(conn, store_id, items)
    return ItemClaim(claim_id, tasks, [], categories, get_policy(conn, store_id, "trashed"))


def _load_tasks(conn: Connection, store_id: UUID, items: list[ClaimedItem]) -> list[ProductTask]:
    # The products as they are now: a later change requests items of its own.
    product_ids = list({item.product_id for item in items if item.product_id is not None})
    return build_tasks(items, get_products(conn, store_id, product_ids), get_mappings(conn, store_id, product_ids))
