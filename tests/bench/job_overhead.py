"""What one job costs beside its records: a batch of one, from the enqueue to completed, by a real worker process."""

from __future__ import annotations

import time
from statistics import median
from uuid import UUID

from tests.bench.world import World, orders
from tests.support.pipeline import accept_batch, read_log
from tests.support.waiting import wait_until


def measure(world: World, jobs: int) -> float:
    """Median milliseconds from before the accept to the moment of completion that the log itself notes."""
    store_id = world.new_store()
    with world.worker():
        _one(world, store_id, 0)  # the first job warms the worker
        return median(_one(world, store_id, number) for number in range(1, jobs + 1))


def _one(world: World, store_id: UUID, number: int) -> float:
    began = time.time()
    log_id = accept_batch(world.runtime, store_id, "orders", orders(1, first=number + 1))
    wait_until(lambda: read_log(world.runtime, store_id, log_id).status == "completed", 30)
    finished = read_log(world.runtime, store_id, log_id).finished_at
    assert finished is not None
    return (finished.timestamp() - began) * 1000
