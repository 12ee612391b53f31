"""Creates and updates categories in the shop, parents before children; a category of that name at that place is adopted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from app.settings.logs import get_logger
from db.outbound.erp_categories import StoredCategory
from db.outbound.item_claims import ClaimedItem
from workers.outbound.planning.outcomes import Done, Outcomes, Refused
from workers.outbound.sending.shop_connection import Line
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import RateLimitError, ValidationError, WooCommerceApiError

log = get_logger(__name__)

CATEGORY_UNKNOWN = "CATEGORY_UNKNOWN"
CATEGORY_LOOP = "CATEGORY_LOOP"
DEEPEST = 50

Categories = dict[UUID, StoredCategory]
# Told at once of each category that the shop has now, by its id there.
Saved = Callable[[StoredCategory], None]


def ensure_categories(
    line: Line, categories: Categories, wanted: Collection[UUID], outcomes: Outcomes, saved: Saved
) -> dict[UUID, int]:
    """The shop's ids of the wanted categories, those created that it lacks. One that the shop refuses is left out.

    Raises PlatformError for a passing failure, which would leave products without their category.
    """
    for category_id in sorted(wanted):
        known = categories.get(category_id)
        if known is None or known.wc_category_id is not None:
            continue
        try:
            _send(line, categories, known, outcomes, saved)
        except PlatformError as error:
            if error.retryable:
                raise
            log.warning("category_refused", category_id=str(category_id), code=error.code)
    return {
        category_id: known.wc_category_id
        for category_id in wanted
        if (known := categories.get(category_id)) is not None and known.wc_category_id is not None
    }


def send_categories(
    line: Line, items: Sequence[ClaimedItem], categories: Categories, outcomes: Outcomes, saved: Saved
) -> None:
    """Fill `outcomes` with a verdict on each item. Raises LeaseLost."""
    for place, item in enumerate(items):
        try:
            wc_id = _bring(line, item, categories, outcomes, saved)
        except PlatformError as error:
            # After a rate limit the rest would only be told the same.
            hit = items[place:] if isinstance(error, RateLimitError) else [item]
            outcomes.refused.append(Refused(hit, error))
            if len(hit) > 1 or isinstance(error, RateLimitError):
                return
        else:
            outcomes.done.append(Done([item], wc_id))


def _bring(line: Line, item: ClaimedItem, categories: Categories, outcomes: Outcomes, saved: Saved) -> int:
    """The shop's id of the item's category, once the shop has it as it is."""
    known = categories.get(item.category_id) if item.category_id else None
    if known is None:
        raise ValidationError("The ERP has not told us of this category.", code=CATEGORY_UNKNOWN)
    if known.wc_category_id is not None and known.sent_hash == known.content_hash and not item.force:
        return known.wc_category_id
    return _send(line, categories, known, outcomes, saved)


def _send(
    line: Line, categories: Categories, category: StoredCategory, outcomes: Outcomes, saved: Saved, depth: int = 0
) -> int:
    """Create or update one category, its missing ancestors first; the shop's id. Raises PlatformError."""
    if depth > DEEPEST:
        raise ValidationError("The category is among its own ancestors.", code=CATEGORY_LOOP)
    payload = {"name": category.name, "parent": _parent_id(line, categories, category, outcomes, saved, depth)}
    known_id = category.wc_category_id
    if known_id is not None and _update(line, known_id, payload, outcomes):
        wc_id = known_id
    else:
        wc_id = line.call(outcomes, lambda shop: shop.create_category(payload))["id"]
    updated = replace(category, wc_category_id=wc_id, sent_hash=category.content_hash)
    categories[category.category_id] = updated
    saved(updated)
    return wc_id


def _parent_id(
    line: Line, categories: Categories, category: StoredCategory, outcomes: Outcomes, saved: Saved, depth: int
) -> int:
    """The shop's id of the parent; 0, the top, for one without, and for one that the ERP never told us of."""
    parent = categories.get(category.parent_id) if category.parent_id else None
    if parent is None:
        return 0
    return parent.wc_category_id or _send(line, categories, parent, outcomes, saved, depth + 1)


def _update(line: Line, wc_id: int, payload: Mapping[str, object], outcomes: Outcomes) -> bool:
    """False where the shop no longer has it."""
    try:
        line.call(outcomes, lambda shop: shop.update_category(wc_id, payload))
    except WooCommerceApiError as error:
        if error.code != errors.NOT_IN_SHOP:
            raise
        return False
    return True
