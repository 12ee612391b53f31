"""Checks after any fault: every accepted batch was applied once with the right rows, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.factories import make_item, make_order
from tests.support.stack import RECOVERY_SECONDS, Answer, Shop, Stack
from tests.support.waiting import wait_until

ROWS = """
    SELECT o.external_id, o.total, o.customer_external_id,
           (SELECT array_agg(i.product_name ORDER BY i.position) FROM order_items i
             WHERE i.store_id = o.store_id AND i.order_id = o.id)
      FROM orders o WHERE o.store_id = %s
"""
CANARY = "bvoshaat6120@meldpunt.example"
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice worker' AND wait_event_type = 'Lock'"


def make_orders(first: int, count: int) -> list[dict[str, Any]]:
    """Orders that differ in every column that the oracle reads."""
    return [make_order_numbered(number) for number in range(first, first + count)]


def make_order_numbered(number: int) -> dict[str, Any]:
    lines = [make_item(product_name=f"Thing {number}.{line}") for line in range(1 + number % 3)]
    told = {"payment_method": CANARY, "billing_email": CANARY}
    return make_order(wc_order_id=number, total=number / 100, customer_id=number % 97 + 1, items=lines, **told)


def assert_applied_once(shop: Shop, posted: Sequence[Sequence[dict[str, Any]]], jobs: Sequence[Answer]) -> None:
    """Check that a store's rows are those of the batches, each inserted once. The batches are disjoint."""
    assert [(job["status"], job["error"]) for job in jobs] == [("completed", None)] * len(posted)
    assert [job["counts"]["inserted"] for job in jobs] == [len(batch) for batch in posted]
    assert [job["syncedCount"] for job in jobs] == [len(batch) for batch in posted]
    assert stored(shop) == expected(posted)
    stats = shop.stack.one("SELECT sum(record_count) FROM entity_stats WHERE store_id = %s", shop.id)
    assert stats == sum(map(len, posted))
    assert leftovers(shop.stack, shop.id) == (0, len(posted))


def assert_nothing_told(stack: Stack) -> None:
    """Check that no file contains the address of the orders, and that no raw traceback was printed."""
    needles = [half.encode() for half in CANARY.split("@")]
    assert [str(path) for path, content in stack.files() if any(needle in content for needle in needles)] == []
    assert "Traceback" not in stack.log


def stored(shop: Shop) -> dict[int, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in shop.stack.sql(ROWS, shop.id)}


def expected(posted: Sequence[Sequence[dict[str, Any]]]) -> dict[int, tuple[Any, ...]]:
    return {
        order["wc_order_id"]: (
            Decimal(str(order["total"])),
            order["customer_id"],
            [item["product_name"] for item in order["items"]],
        )
        for batch in posted
        for order in batch
    }


def leftovers(stack: Stack, store_id: UUID) -> tuple[int, int]:
    """The numbers of stored payloads and of logs of the store."""
    payloads = stack.one("SELECT count(*) FROM sync_payloads WHERE store_id = %s", store_id)
    return payloads, stack.one("SELECT count(*) FROM sync_logs WHERE store_id = %s", store_id)


@contextmanager
def held(shop: Shop) -> Iterator[None]:
    """Within the block no batch of the store can commit: the last row that each one writes is locked.

    Accepting is not disturbed. Workers wait at most their lock_timeout of 10 s.
    """
    with shop.stack.superuser() as conn, conn.transaction():
        conn.execute("SELECT FROM stores WHERE id = %s FOR NO KEY UPDATE", (shop.id,))
        yield


def wait_in_the_middle(stack: Stack, workers: int = 1) -> None:
    """Wait until that many workers have written their rows and wait, uncommitted, for a lock of `held`."""
    wait_until(lambda: stack.one(BUSY) == workers, 20.0, "a worker in the middle of its batch")


def worker_of(stack: Stack, job_id: str) -> int:
    """The process id of the live worker that runs the job, from RQ."""
    return wait_until(lambda: find_worker_of(stack, job_id), 10.0, f"the worker of {job_id}") or 0


def find_worker_of(stack: Stack, job_id: str) -> int | None:
    alive = stack.pids("worker")
    for key in stack.redis.scan_iter("rq:worker:*"):
        pid, current = stack.redis.hmget(key, "pid", "current_job")
        if pid and int(pid) in alive and isinstance(current, bytes) and current.decode().startswith(job_id):
            return int(pid)
    return None


def accept_in_the_end(shop: Shop, batch: list[dict[str, Any]], key: str = "") -> str:
    """Post with the same key until there is a receipt; returns the job's id."""
    key = key or uuid4().hex
    answer = wait_until(lambda: receipt(shop, batch, key), RECOVERY_SECONDS, "a receipt")
    assert answer is not None
    return str(answer.json()["data"]["jobId"])


def receipt(shop: Shop, batch: list[dict[str, Any]], key: str) -> httpx.Response | None:
    """None if the client must try again: 503, or a broken connection."""
    try:
        answer = shop.post("orders", batch, Idempotency_Key=key)
    except httpx.TransportError:
        return None
    assert answer.status_code in (202, 503), answer.text
    assert answer.status_code == 202 or "Retry-After" in answer.headers
    return answer if answer.status_code == 202 else None
