"""PostgreSQL stopped immediately, its connections closed, and down."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from tests.faults.harm import CUT, away
from tests.faults.oracle import accept_in_the_end, assert_applied_once, held, leftovers, make_orders, wait_in_the_middle
from tests.support.stack import Shop, Stack, send
from tests.support.waiting import wait_until


def test_an_immediate_stop_in_mid_batch_applies_once(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 500) for first in range(1, 5001, 500)]
    (postmaster,) = stack.pids("postgres")
    with pytest.raises(psycopg.OperationalError), held(shop):  # the lock's own session goes down as well
        jobs = [shop.accept("orders", batch) for batch in batches]
        wait_in_the_middle(stack, workers=2)
        send(postmaster, signal.SIGQUIT)
        wait_until(lambda: postmaster not in stack.pids("postgres"), 20.0, "the end of PostgreSQL")
    wait_until(stack.answers_sql, 30.0, "PostgreSQL again")
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


@pytest.mark.slow
def test_connections_cut_under_load_apply_once(stack: Stack, shop: Shop) -> None:
    """Close all connections whenever some more batches were accepted."""
    batches = [make_orders(first, 200) for first in range(1, 8001, 200)]
    jobs: list[str] = []
    cut = 0
    with ThreadPoolExecutor(4) as posters:
        for job in posters.map(partial(accept_in_the_end, shop), batches):
            jobs.append(job)
            if len(jobs) % 5 == 0:
                cut += len(stack.sql(CUT))
    assert cut >= 20
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def test_without_postgres_batches_answer_503(stack: Stack, shop: Shop) -> None:
    before = make_orders(1, 10)
    jobs = [shop.accept("orders", before)]
    shop.wait_ended(jobs)
    with away(stack, "postgres", signal.SIGQUIT):
        for _ in range(2):
            began = time.monotonic()
            answer = shop.post("orders", make_orders(5001, 10), Idempotency_Key="later")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "UNAVAILABLE")
            assert int(answer.headers["Retry-After"]) > 0
            assert time.monotonic() - began < 10.0
        assert shop.call("GET", "/readyz").status_code == 503
        assert shop.call("GET", "/healthz").status_code == 200
    wait_until(stack.answers_sql, 30.0, "PostgreSQL again")
    assert leftovers(stack, shop.id) == (0, 1), "a refused batch left something behind"
    after = make_orders(5001, 10)
    jobs.append(accept_in_the_end(shop, after))
    assert_applied_once(shop, [before, after], shop.wait_ended(jobs))
