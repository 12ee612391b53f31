"""Sends one claim: read the shop's state, plan the writes, send them; every step returns a value."""

from __future__ import annotations

import time

from db.outbound.item_claims import Spent
from workers.outbound.planning.product_plan import plan_products
from workers.outbound.planning.results import ClaimResult
from workers.outbound.sending.claim import ItemClaim
from workers.outbound.sending.send_categories import CategorySender, SaveCategory
from workers.outbound.sending.send_products import send_products
from workers.outbound.sending.shop_connection import ShopCalls, ShopConnection
from workers.outbound.sending.shop_state import read_shop_state


def send_claim(connection: ShopConnection, claim: ItemClaim, save_category: SaveCategory) -> ClaimResult:
    """A result for each item of the claim. Raises LeaseLost; a failure of the shop is a result."""
    calls = ShopCalls(connection)
    categories = CategorySender(calls, dict(claim.categories), save_category)
    if claim.category_items:
        results = categories.send(claim.category_items)
        return ClaimResult(results, calls.count, Spent(calls.seconds, 0.0))
    state = read_shop_state(calls, claim.tasks, categories)
    began = time.monotonic()
    plan = plan_products(claim.tasks, state)
    planning_seconds = time.monotonic() - began
    results = [*plan.results, *send_products(calls, plan.writes)]
    return ClaimResult(results, calls.count, Spent(calls.seconds, planning_seconds))
