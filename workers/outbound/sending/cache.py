"""Caches the last state of each product in Redis, under the keys of specification 3, for programs that watch products.

Nothing here decides anything: PostgreSQL has the truth, and the keys may be deleted at any time.
"""

from __future__ import annotations

import time
from uuid import UUID

from redis.exceptions import RedisError

from workers.core.queues import WakeUp
from workers.outbound.planning.results import Adopted, Changed, ClaimResult, Done, Refused, Waiting
from workers.outbound.sending.claim import ItemClaim

STATUSES = {Done: "completed", Adopted: "pending", Changed: "pending", Refused: "failed", Waiting: "pending"}


def cache_results(wake_up: WakeUp, store_id: UUID, claim: ItemClaim, result: ClaimResult, seconds: int) -> None:
    """Set the keys of the claim's products for so many seconds; best effort, in one round trip."""
    values = _values(claim, result)
    if wake_up.is_resting or not values:
        return
    try:
        with wake_up.redis.pipeline(transaction=False) as pipe:
            for (name, product_id), value in values.items():
                # The specification's `wc_mapping:{productId}` and its like, with the store, which is the tenant, before it.
                pipe.set(f"wc_{name}:{store_id}:{product_id}", value, ex=seconds)
            pipe.execute()
    except RedisError as error:
        wake_up.rest(error)


def _values(claim: ItemClaim, result: ClaimResult) -> dict[tuple[str, UUID], str]:
    attempts = {task.product_id: max(item.attempts for item in task.items) for task in claim.tasks}
    values = {("sync_attempts", product_id): str(count) for product_id, count in attempts.items()}
    now = str(int(time.time()))
    for one in result.results:
        for product_id in {item.product_id for item in one.items if item.product_id is not None}:
            values["sync_status", product_id] = STATUSES[type(one)]
            if isinstance(one, Done):
                values["last_sync", product_id] = now
            if one.look is not None:
                values["mapping", product_id] = str(one.look.wc_product_id)
    return values
