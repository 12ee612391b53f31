"""Redis written to by somebody else: foreign jobs do not run, and no batch is applied twice."""

from __future__ import annotations

import json
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from db.sync.logs import Ticket
from tests.faults.harm import QUEUE
from tests.faults.oracle import assert_applied_once, make_orders
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until
from workers.core.queues import enqueue_all


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def push(redis: Redis, job_id: str, data: bytes) -> None:
    fields: dict[Any, Any] = {
        "data": data,
        "origin": "ingest",
        "status": "queued",
        "created_at": "2026-01-01T00:00:00.000000Z",
    }
    redis.hset(f"rq:job:{job_id}", mapping=fields)
    redis.rpush(QUEUE, job_id)


def call_of(function: str, *arguments: str) -> bytes:
    return zlib.compress(json.dumps([function, None, arguments, {}]).encode())


def test_foreign_jobs_are_refused(stack: Stack, shop: Shop, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    calls = {
        "system": call_of("os.system", f"touch {ran}"),
        "neighbour": call_of("subprocess.getoutput", f"touch {ran}"),
        "method": zlib.compress(json.dumps(["touch", "pathlib.Path", [str(ran)], {}]).encode()),
        "pickle": zlib.compress(pickle.dumps(Evil(ran))),
        "bare-pickle": pickle.dumps(Evil(ran)),
        "arguments": call_of("workers.processes.jobs.process_log", "no", "id"),
        "nothing": b"",
    }
    for job_id, data in calls.items():
        push(stack.redis, job_id, data)
    stack.redis.rpush(QUEUE, "without-a-job")
    wait_until(lambda: stack.redis.llen(QUEUE) == 0, 20.0, "all of them to be taken")
    batches = [make_orders(first, 20) for first in range(1, 101, 20)]
    assert_applied_once(shop, batches, shop.wait_ended([shop.accept("orders", batch) for batch in batches]))
    assert not ran.exists()
    assert {"system", "neighbour", "method"} <= {str(line["job_id"]) for line in stack.up.logged("job_forbidden")}
    assert str(ran) not in stack.log


@pytest.mark.slow
def test_a_forged_job_only_delays_its_batch(stack: Stack, shop: Shop, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    batch = make_orders(1, 10)
    with stack.frozen("worker"):
        job = shop.accept("orders", batch)
        stack.redis.flushall()
        push(stack.redis, f"{job}-1", call_of("os.system", f"touch {ran}"))
    assert_applied_once(shop, [batch], shop.wait_ended([job]))
    assert not ran.exists()


def test_a_batch_queued_several_times_applies_once(stack: Stack, shop: Shop) -> None:
    batch = make_orders(1, 200)
    with stack.frozen("worker"):
        job = shop.accept("orders", batch)
        for waiting in stack.redis.lrange(QUEUE, 0, -1):
            stack.redis.rpush(QUEUE, waiting, waiting)
        (log_id,) = stack.sql("SELECT id FROM sync_logs WHERE store_id = %s", shop.id)[0]
        enqueue_all(stack.redis, [Ticket(shop.id, log_id, number, "orders", 200) for number in (90, 91, 92)])
    ended = shop.wait_ended([job])
    wait_until(lambda: stack.redis.llen(QUEUE) == 0, 10.0, "the copies to be taken")
    assert_applied_once(shop, [batch], ended)
    assert shop.job(job)["attempts"] == 1
