"""Looks at the shop before a claim is planned; on the way it creates the categories that the products need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from workers.outbound.planning.attributes import ids_by_name
from workers.outbound.planning.comparison import COMPARED_FIELDS, HEAVY_FIELDS
from workers.outbound.planning.field_groups import FIELD_GROUPS
from workers.outbound.planning.product_plan import LIGHT_GROUPS, ProductTask, ShopState
from workers.outbound.sending.send_categories import CategorySender
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError


def read_shop_state(calls: ShopCalls, tasks: Sequence[ProductTask], categories: CategorySender) -> ShopState:
    """Read mapped products, look up unmapped ones by SKU, and ensure the categories of those that may be sent.

    A PlatformError ends the reading and becomes part of the state. Raises LeaseLost.
    """
    known = [task for task in tasks if task.stored is not None]
    groups = LIGHT_GROUPS if all(set(task.requested) <= set(LIGHT_GROUPS) for task in known) else FIELD_GROUPS
    state = ShopState(groups=groups, now=datetime.now(UTC), claimed={task.product_id for task in known})
    whole = (*COMPARED_FIELDS, *HEAVY_FIELDS)
    fields = COMPARED_FIELDS if groups == LIGHT_GROUPS else whole
    try:
        parents = {task.mapped.wc_product_id: task.mapped.wc_parent_id for task in known if task.mapped is not None}
        lookups = [task.stored for task in known if task.mapped is None and task.stored is not None]
        parents |= {one.wc_parent_id: None for one in lookups if one.wc_parent_id is not None}
        state = replace(state, products=calls.read_products(parents, fields))
        skus = [task.product.sku for task in known if task.must_look_up or _has_lost_variation(task, state)]
        if skus:
            state = replace(state, products_by_sku=calls.read(lambda shop: shop.find_products_by_sku(skus, whole)))
        if any(task.stored.options or task.stored.product.attributes for task in known if task.stored is not None):
            state = replace(state, attribute_ids=ids_by_name(calls.read(lambda shop: shop.get_attributes())))
        return replace(state, category_ids=_category_ids(known, state, categories))
    except PlatformError as error:
        return replace(state, error=error)


def _has_lost_variation(task: ProductTask, state: ShopState) -> bool:
    return task.mapped is not None and task.mapped.wc_parent_id is not None and state.theirs(task) is None


def _category_ids(tasks: Sequence[ProductTask], state: ShopState, categories: CategorySender) -> dict[UUID, int]:
    # A product that is only adopted creates no category: a person may have to say yes first.
    to_send = [
        task
        for task in tasks
        if "category" in task.groups_to_send
        and not task.is_discontinued
        and (task.mapped is None or task.mapped.wc_parent_id is None)
        and (task.mapped is not None or task.product.sku not in state.products_by_sku)
    ]
    needed = {category_id for task in to_send for category_id in task.product.category_ids}
    return categories.known() | categories.ensure(needed)
