"""An administrator's table lock, a deadlock, and four clients that send the same orders shuffled."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.oracle import assert_applied_once, held, make_orders, stored, wait_in_the_middle
from tests.support.factories import make_customer, make_order
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until

LOCK_SECONDS = 12.0
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
CLIENTS, ROUNDS, ORDERS = 4, 5, 200


@pytest.mark.slow
def test_a_long_table_lock_only_delays_batches(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 100) for first in range(1, 501, 100)]
    with stack.superuser() as conn, conn.transaction():
        conn.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        end = time.monotonic() + LOCK_SECONDS
        jobs = [shop.accept("orders", batch) for batch in batches]
        wait_in_the_middle(stack, workers=2)
        wait_until(lambda: time.monotonic() >= end, LOCK_SECONDS, "the administrator")
    ended = shop.wait_ended(jobs)
    assert_applied_once(shop, batches, ended)
    assert max(job["attempts"] for job in ended) > 1, "nobody ran into the lock"


@pytest.mark.slow
def test_a_deadlocked_worker_tries_again(stack: Stack, shop: Shop) -> None:
    """The administrator locks the second order and waits for the first, which the worker has locked."""
    lock = "UPDATE orders SET status = status WHERE store_id = %s AND external_id = %s"
    shop.wait_completed([shop.accept("orders", [make_order(wc_order_id=key, total=1) for key in (1, 2)])])
    with stack.superuser() as conn, ThreadPoolExecutor(1) as thread:
        conn.execute("SET deadlock_timeout = '60s'")
        with conn.transaction():
            conn.execute(lock, (shop.id, 2))
            changed = [make_order(wc_order_id=key, total=2, date_modified="2026-01-16T00:00:00Z") for key in (1, 2)]
            job = shop.accept("orders", changed)
            wait_in_the_middle(stack)
            thread.submit(conn.execute, lock, (shop.id, 1)).result(20.0)
    (ended,) = shop.wait_completed([job])
    assert (ended["attempts"], ended["counts"]["updated"]) == (2, 2)
    assert [row[0] for row in stored(shop).values()] == [2, 2]


def test_shuffled_orders_of_four_clients_do_not_deadlock(stack: Stack, shop: Shop) -> None:
    before = stack.one(DEADLOCKS)
    with ThreadPoolExecutor(CLIENTS) as clients:
        jobs = list(clients.map(lambda number: shop.accept("orders", shuffled(number)), range(CLIENTS * ROUNDS)))
    ended = shop.wait_completed(jobs)
    assert {job["attempts"] for job in ended} == {1}
    assert sum(job["counts"]["inserted"] for job in ended) == ORDERS
    assert {row[0] for row in stored(shop).values()} == {CLIENTS * ROUNDS - 1}
    assert stack.one(DEADLOCKS) == before


def shuffled(number: int) -> list[dict[str, Any]]:
    """Post all orders shuffled; a higher number is the newer state."""
    when = f"2026-01-15T10:30:{number:02d}Z"
    orders = [make_order(wc_order_id=key, total=number, date_modified=when) for key in range(1, ORDERS + 1)]
    random.Random(number).shuffle(orders)
    return orders


@pytest.mark.parametrize("entities", [("customers", "orders"), ("orders", "customers")], ids=" first, then ".join)
def test_concurrent_order_and_customer_are_linked(stack: Stack, shop: Shop, entities: tuple[str, str]) -> None:
    """Neither transaction has committed when the other begins."""
    records = {"orders": [make_order(customer_id=7)], "customers": [make_customer(wc_customer_id=7)]}
    with held(shop):
        jobs = []
        for workers, entity in enumerate(entities, 1):
            jobs.append(shop.accept(entity, records[entity]))
            wait_in_the_middle(stack, workers)
    assert {job["attempts"] for job in shop.wait_completed(jobs)} == {1}
    linked = "SELECT count(*) FROM orders o JOIN customers c ON (c.store_id, c.id) = (o.store_id, o.customer_id)"
    assert stack.one(f"{linked} WHERE o.store_id = %s", shop.id) == 1
