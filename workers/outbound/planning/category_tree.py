"""The ERP's categories as a tree: what is above a category, and what waits below it; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from uuid import UUID

from db.outbound.erp_categories import StoredCategory
from workers.outbound.planning.comparison import ShopObject, meaning
from workers.outbound.planning.sanitize import clean_name
from workers.platforms.woocommerce.errors import ValidationError

CATEGORY_LOOP = "CATEGORY_LOOP"
CATEGORY_PARENT_UNKNOWN = "CATEGORY_PARENT_UNKNOWN"


def is_current(category: StoredCategory) -> bool:
    """Whether the shop last got the category as the ERP states it now."""
    return category.sent_hash == category.content_hash


def lineage_of(category: StoredCategory, categories: Mapping[UUID, StoredCategory]) -> list[StoredCategory]:
    """The category with its ancestors, the top one first.

    Raises ValidationError for a loop of parents, and for a parent that the ERP has not sent: at the top the shop may have
    another category of this name.
    """
    lineage, seen = [category], {category.category_id}
    while (parent_id := lineage[-1].parent_id) is not None:
        if parent_id in seen:
            names = " > ".join(one.name for one in reversed(lineage))
            raise ValidationError(f"The parents of this category form a loop: {names}.", code=CATEGORY_LOOP)
        parent = categories.get(parent_id)
        if parent is None:
            raise ValidationError(
                "The ERP has not sent the parent of this category, or of one above it.", code=CATEGORY_PARENT_UNKNOWN
            )
        lineage.append(parent)
        seen.add(parent_id)
    return lineage[::-1]


def ids_by_path(categories: Mapping[UUID, StoredCategory], theirs: Mapping[int, ShopObject]) -> dict[UUID, int]:
    """WooCommerce's id of each category that the shop has: the one that it got from us, or the one that would be adopted."""
    at_place = {(one["parent"], meaning("name", one["name"]).casefold()): wc_id for wc_id, one in theirs.items()}
    found: dict[UUID, int] = {}
    for category in categories.values():
        parent = 0
        for one in _lineage_or_none(category, categories):
            adopted = at_place.get((parent, meaning("name", clean_name(one.name)).casefold()))
            wc_id = one.wc_category_id if one.wc_category_id in theirs else adopted
            if wc_id is None:
                break
            found[one.category_id] = parent = wc_id
    return found


def _lineage_or_none(category: StoredCategory, categories: Mapping[UUID, StoredCategory]) -> list[StoredCategory]:
    try:
        return lineage_of(category, categories)
    except ValidationError:  # it would not be sent
        return []


def waiting_below(written: Collection[UUID], categories: Mapping[UUID, StoredCategory]) -> set[UUID]:
    """Of these categories and all below them, those that the shop lacks: what kept them back may be gone."""
    children: dict[UUID, list[UUID]] = defaultdict(list)
    for one in categories.values():
        if one.parent_id is not None:
            children[one.parent_id].append(one.category_id)
    found: set[UUID] = set()
    rest = list(written)
    while rest:
        category_id = rest.pop()
        if category_id not in found:
            found.add(category_id)
            rest += children[category_id]
    return {one for one in found if one in categories and categories[one].wc_category_id is None}
