"""Sends one claim: read the shop's state, plan the writes, send them; every step returns a value."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from db.outbound.item_claims import Spent
from workers.outbound.planning.discontinued import values_before
from workers.outbound.planning.product_plan import plan_products
from workers.outbound.planning.results import ClaimResult
from workers.outbound.sending.claim import ItemClaim
from workers.outbound.sending.send_categories import CategorySender, SaveCategory
from workers.outbound.sending.send_products import delete_products, send_products
from workers.outbound.sending.shop_connection import ShopCalls, ShopConnection
from workers.outbound.sending.shop_state import read_shop_state

BeginCreates = Callable[[Sequence[UUID]], None]
BeginTakingOff = Callable[[Mapping[UUID, Mapping[str, Any]]], None]


def send_claim(
    connection: ShopConnection,
    claim: ItemClaim,
    save_category: SaveCategory,
    begin_creates: BeginCreates,
    begin_taking_off: BeginTakingOff,
) -> ClaimResult:
    """A result for each item of the claim. Raises LeaseLost; a failure of the shop is a result.

    `begin_creates` is told the products that the shop lacks, before the call that creates them, and `begin_taking_off` what
    the shop has of discontinued ones, before the call that takes them off sale.
    """
    calls = ShopCalls(connection)
    categories = CategorySender(calls, dict(claim.categories), save_category)
    if claim.category_items:
        results = categories.send(claim.category_items)
        return ClaimResult(results, calls.count, Spent(calls.seconds, 0.0))
    state = read_shop_state(calls, claim.tasks, categories)
    began = time.monotonic()
    plan = plan_products(claim.tasks, replace(state, trashed_policy=claim.trashed_policy))
    planning_seconds = time.monotonic() - began
    created = [write.task.product_id for write in plan.writes if write.task.must_look_up and not write.task.may_be_ours]
    if created:
        begin_creates(created)
    befores = {
        write.task.product_id: values_before(write.payload, theirs)
        for write in plan.writes
        if write.task.is_discontinued and (theirs := state.theirs(write.task)) is not None
    }
    if befores:
        begin_taking_off(befores)
    results = [*plan.results, *delete_products(calls, plan.deletes), *send_products(calls, plan.writes)]
    return ClaimResult(results, calls.count, Spent(calls.seconds, planning_seconds))
