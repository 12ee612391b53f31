"""Creates and updates categories in the shop, parents first; a category of that name below the same parent is adopted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from app.settings.logs import get_logger
from db.outbound.erp_categories import StoredCategory
from db.outbound.item_claims import ClaimedItem
from workers.outbound.planning.category_tree import is_current, lineage_of
from workers.outbound.planning.comparison import ShopObject, differences
from workers.outbound.planning.product_plan import DIFFERS
from workers.outbound.planning.results import Done, Refused, Result
from workers.outbound.planning.sanitize import clean_name
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError
from workers.platforms.woocommerce import errors
from workers.platforms.woocommerce.errors import ValidationError, WooCommerceApiError, concerns_whole_shop

log = get_logger(__name__)

CATEGORY_UNKNOWN = "CATEGORY_UNKNOWN"
CATEGORY_DUPLICATE = "CATEGORY_DUPLICATE"

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
        if category.wc_category_id is not None and is_current(category) and not item.force:
            return category.wc_category_id
        return self._send(category)

    def _send(self, category: StoredCategory) -> int:
        # Top down, those that moved too: with its ancestors where the ERP has them, no move closes a ring in the shop, which
        # WordPress would break by moving the category to the top.
        *above, last = lineage_of(category, self.categories)
        for ancestor in above:
            if ancestor.wc_category_id is None or not is_current(ancestor):
                self._write(ancestor)
        return self._write(last)

    def _write(self, category: StoredCategory) -> int:
        parent = self.categories[category.parent_id] if category.parent_id else None
        payload = {"name": clean_name(category.name), "parent": (parent and parent.wc_category_id) or 0}
        answer = None if category.wc_category_id is None else self._update(category.wc_category_id, payload)
        if answer is None:
            answer = self._create(category, payload)
            if differences(payload, answer, datetime.now(UTC)):  # adopted, with other capitals
                answer = self._update(answer["id"], payload) or answer
        sent = replace(category, wc_category_id=answer["id"], sent_hash=category.content_hash)
        if altered := [one.field for one in differences(payload, answer, datetime.now(UTC))]:
            sent = replace(sent, sent_hash=None)
        self.categories[category.category_id] = sent
        self.save(sent)
        if altered:
            raise ValidationError(f"The shop has another value than was sent: {', '.join(altered)}.", code=DIFFERS)
        wc_id: int = answer["id"]
        return wc_id

    def _create(self, category: StoredCategory, payload: dict[str, object]) -> ShopObject:
        # The shop has each name once below a parent, and answers with the one that is there.
        answer = self.calls.call(lambda shop: shop.create_category(payload))
        owner = self._owner(answer["id"], category)
        if owner is not None and not is_current(owner):
            self._make_room(owner, category)
            answer = self.calls.call(lambda shop: shop.create_category(payload))
            owner = self._owner(answer["id"], category)
        if owner is not None:
            raise ValidationError(
                "Another category of the ERP has this name below the same parent.", code=CATEGORY_DUPLICATE
            )
        return answer

    def _make_room(self, owner: StoredCategory, category: StoredCategory) -> None:
        if category not in lineage_of(owner, self.categories):
            self._send(owner)  # it gives up the name, or the place
            return
        # It moves below the new category of its name. Its own item, which waits, gives it the name again.
        assert owner.wc_category_id is not None
        self._update(owner.wc_category_id, {"name": f"{clean_name(owner.name)[:150]} {owner.wc_category_id}"})

    def _owner(self, wc_id: int, category: StoredCategory) -> StoredCategory | None:
        others = (one for one in self.categories.values() if one.category_id != category.category_id)
        return next((one for one in others if one.wc_category_id == wc_id), None)

    def _update(self, wc_id: int, payload: dict[str, object]) -> ShopObject | None:
        """The shop's answer; None if it has no such category any more."""
        try:
            return self.calls.call(lambda shop: shop.update_category(wc_id, payload))
        except WooCommerceApiError as error:
            if error.code != errors.NOT_IN_SHOP:
                raise
            return None
