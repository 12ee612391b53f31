"""Sends one claim: read the shop's state, plan the writes, send them; every step returns a value."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import UUID

from db.outbound.item_claims import Spent
from workers.outbound.planning.product_plan import plan_products
from workers.outbound.planning.results import ClaimResult
from workers.outbound.sending.claim import ItemClaim
from workers.outbound.sending.send_categories import CategorySender, SaveCategory
from workers.outbound.sending.send_products import send_products
from workers.outbound.sending.shop_connection import ShopCalls, ShopConnection
from workers.outbound.sending.shop_state import read_shop_state

BeginCreates = Callable[[Sequence[UUID]], None]


def send_claim(
    connection: ShopConnection, claim: ItemClaim, save_category: SaveCategory, begin_creates: BeginCreates
) -> ClaimResult:
    """A result for each item of the claim. Raises LeaseLost; a failure of the shop is a result.

    `begin_creates` is told the products that the shop lacks, before the call that creates them.
    """
    calls = ShopCalls(connection)
    categories = CategorySender(calls, dict(claim.categories), save_category)
    if claim.category_items:
        results = categories.send(claim.category_items)
        return ClaimResult(results, calls.count, Spent(calls.seconds, 0.0))
    state = read_shop_state(calls, claim.tasks, categories)
    began = time.monotonic()
    plan = plan_products(claim.tasks, state)
    planning_seconds = time.monotonic() - began
    created = [write.task.product_id for write in plan.writes if write.task.must_look_up and not write.task.may_be_ours]
    if created:
        begin_creates(created)
    results = [*plan.results, *send_products(calls, plan.writes)]
    return ClaimResult(results, calls.count, Spent(calls.seconds, planning_seconds))
