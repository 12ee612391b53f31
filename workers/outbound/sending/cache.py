"""What is remembered of each product in Redis, under the keys of specification 3; it may be emptied at any time.

Nothing here decides anything: PostgreSQL knows, this only spares other programs that watch a product the question.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from redis.exceptions import RedisError

from workers.core.queues import WakeUp
from workers.outbound.planning.outcomes import Again, Done, Outcomes, Refused
from workers.outbound.sending.claim import Claim


def cache_key(name: str, store_id: UUID, product_id: UUID) -> str:
    """Specification 3's `wc_mapping:{productId}` and its like, with the store before the product: it is the tenant."""
    return f"wc_{name}:{store_id}:{product_id}"


def remember(wake_up: WakeUp, store_id: UUID, claim: Claim, outcomes: Outcomes, seconds: int) -> None:
    """For so many seconds; best effort, in one round trip."""
    values = _values(claim, outcomes)
    if wake_up.is_resting or not values:
        return
    try:
        with wake_up.redis.pipeline(transaction=False) as pipe:
            for (name, product_id), value in values.items():
                pipe.set(cache_key(name, store_id, product_id), value, ex=seconds)
            pipe.execute()
    except RedisError as error:
        wake_up.rest(error)


def _values(claim: Claim, outcomes: Outcomes) -> dict[tuple[str, UUID], str]:
    """What is now known of each product of the claim."""
    values: dict[tuple[str, UUID], str] = {}
    for task in claim.tasks:
        values["sync_attempts", task.product_id] = str(max(item.attempts for item in task.items))
    now = str(int(time.time()))
    statuses: list[tuple[str, Sequence[Done | Again | Refused]]] = [
        ("completed", outcomes.done),
        ("pending", outcomes.again),
        ("failed", outcomes.refused),
    ]
    for status, groups in statuses:
        for product_id in {item.product_id for group in groups for item in group.items if item.product_id}:
            values["sync_status", product_id] = status
            if status == "completed":
                values["last_sync", product_id] = now
    for mapping in outcomes.mappings:
        values["mapping", mapping.product_id] = str(mapping.sent.wc_product_id)
    return values
