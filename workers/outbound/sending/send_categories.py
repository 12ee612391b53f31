"""Creates and updates categories in the shop, parents first; a category of that name at that place is adopted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.settings.logs import get_logger
from db.outbound.erp_categories import StoredCategory
from db.outbound.item_claims import ClaimedItem
from workers.outbound.planning.results import Done, Refused, Result
from workers.outbound.planning.sanitize import clean_name
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import ValidationError, WooCommerceApiError, concerns_whole_shop

log = get_logger(__name__)

CATEGORY_UNKNOWN = "CATEGORY_UNKNOWN"
CATEGORY_LOOP = "CATEGORY_LOOP"
DEEPEST = 50

SaveCategory = Callable[[StoredCategory], None]


@dataclass(slots=True)
class CategorySender:
    """The store's categories while one claim is sent. `save` stores each one at once: other claims need its id, too."""

    calls: ShopCalls
    categories: dict[UUID, StoredCategory]
    save: SaveCategory

    def known(self) -> dict[UUID, int]:
        """WooCommerce's id of each category that the shop has, as far as we know."""
        return {
            one.category_id: one.wc_category_id for one in self.categories.values() if one.wc_category_id is not None
        }

    def ensure(self, category_ids: Collection[UUID]) -> dict[UUID, int]:
        """WooCommerce's id of each category, those created that the shop lacks. One that the shop refuses is left out.

        Raises PlatformError for a passing failure: products would go out without their category.
        """
        wc_ids: dict[UUID, int] = {}
        for category_id in sorted(category_ids):
            category = self.categories.get(category_id)
            if category is None:
                continue
            try:
                wc_ids[category_id] = category.wc_category_id or self._send(category)
            except PlatformError as error:
                if error.retryable:
                    raise
                log.warning("category_refused", category_id=str(category_id), code=error.code)
        return wc_ids

    def send(self, items: Sequence[ClaimedItem]) -> list[Result]:
        """Bring the category of each item up to date. Raises LeaseLost; a failure of the shop is a result."""
        results: list[Result] = []
        for place, item in enumerate(items):
            try:
                results.append(Done([item], self._bring_up_to_date(item)))
            except PlatformError as error:
                if concerns_whole_shop(error):  # the rest would fail, too
                    return [*results, Refused(items[place:], error)]
                results.append(Refused([item], error))
        return results

    def _bring_up_to_date(self, item: ClaimedItem) -> int:
        category = self.categories.get(item.category_id) if item.category_id else None
        if category is None:
            raise ValidationError("The ERP has not sent this category.", code=CATEGORY_UNKNOWN)
        is_current = category.sent_hash == category.content_hash and not item.force
        if category.wc_category_id is not None and is_current:
            return category.wc_category_id
        return self._send(category)

    def _send(self, category: StoredCategory, depth: int = 0) -> int:
        if depth > DEEPEST:
            raise ValidationError("The category is among its own ancestors.", code=CATEGORY_LOOP)
        # A parent that the ERP never sent leaves the category at the top, which is WooCommerce's 0.
        parent = self.categories.get(category.parent_id) if category.parent_id else None
        parent_id = (parent.wc_category_id or self._send(parent, depth + 1)) if parent else 0
        payload = {"name": clean_name(category.name), "parent": parent_id}
        wc_id = category.wc_category_id
        if wc_id is None or not self._update(wc_id, payload):
            wc_id = self.calls.call(lambda shop: shop.create_category(payload))["id"]
        sent = replace(category, wc_category_id=wc_id, sent_hash=category.content_hash)
        self.categories[category.category_id] = sent
        self.save(sent)
        return wc_id

    def _update(self, wc_id: int, payload: dict[str, object]) -> bool:
        try:
            self.calls.call(lambda shop: shop.update_category(wc_id, payload))
        except WooCommerceApiError as error:
            if error.code != errors.NOT_IN_SHOP:
                raise
            return False
        return True
