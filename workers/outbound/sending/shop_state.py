"""Gathers what the plan of a claim must know of the shop; on the way it creates the categories that the products need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workers.outbound.planning.product_plan import ProductTask, ShopState
from workers.outbound.sending.send_categories import CategorySender
from workers.outbound.sending.shop_connection import ShopCalls
from workers.platforms.common.interface import PlatformError


def read_shop_state(calls: ShopCalls, tasks: Sequence[ProductTask], categories: CategorySender) -> ShopState:
    """Look up SKUs, ensure categories, read sale prices; each only if a task needs it.

    A PlatformError ends the reading and becomes part of the state. Raises LeaseLost.
    """
    state = ShopState()
    try:
        skus = [task.product.sku for task in tasks if task.may_exist]
        if skus:
            state = replace(state, products_by_sku=calls.call(lambda shop: shop.find_products_by_sku(skus)))
        to_send = [task for task in tasks if task.groups_to_send and state.existing_product(task) is None]
        category_ids = {category_id for task in to_send for category_id in task.product.category_ids}
        state = replace(state, category_ids=categories.ensure(category_ids))
        priced = [task.sent.wc_product_id for task in to_send if task.sent is not None and task.needs_sale_price]
        if priced:
            state = replace(state, sale_prices=calls.call(lambda shop: shop.get_products(priced, ["sale_price"])))
    except PlatformError as error:
        return replace(state, error=error)
    return state
