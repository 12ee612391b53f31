"""Connections cut at a COMMIT or an enqueue, and an API that dies between the two."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.faults.harm import COMMIT, postgres_through, redis_through
from tests.faults.oracle import accept_in_the_end, assert_applied_once, leftovers, make_orders, receipt
from tests.faults.proxy import Act, Trap
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until
from workers.inbound.accept import hash_key

COMMIT_OF_A_BATCH = (b"sluice worker", b"sync_payloads", COMMIT)
ENQUEUE = (b"RPUSH",)


@pytest.mark.slow
def test_a_receipt_lost_at_commit_is_repeated(stack: Stack, shop: Shop) -> None:
    """The batch is stored, but the client gets an error. With its key it finds the batch."""
    batch, key = make_orders(1, 20), uuid4().hex
    with postgres_through(stack, Trap((hash_key(key).encode(),), Act.CUT_REPLY)) as trap:
        assert receipt(shop, batch, key) is None
        assert trap.sprung.is_set()
        again = wait_until(lambda: receipt(shop, batch, key), 10.0, "the receipt")
        assert again is not None and again.headers["Idempotent-Replayed"] == "true"
        ended = shop.wait_ended([again.json()["data"]["jobId"]])
    assert_applied_once(shop, [batch], ended)


def test_a_batch_without_a_commit_can_be_posted_again(stack: Stack, shop: Shop) -> None:
    batch, key = make_orders(1, 20), uuid4().hex
    with postgres_through(stack, Trap((hash_key(key).encode(),), Act.CUT_REQUEST)) as trap:
        assert receipt(shop, batch, key) is None
        assert trap.sprung.is_set()
        assert leftovers(stack, shop.id) == (0, 0)
        again = wait_until(lambda: receipt(shop, batch, key), 10.0, "the receipt")
        assert again is not None and "Idempotent-Replayed" not in again.headers
        ended = shop.wait_ended([again.json()["data"]["jobId"]])
    assert_applied_once(shop, [batch], ended)


@pytest.mark.parametrize(
    ("act", "attempts"), [(Act.CUT_REPLY, 1), (Act.CUT_REQUEST, 2)], ids=["answer lost", "never arrived"]
)
def test_a_batch_cut_off_at_commit_is_applied_once(stack: Stack, shop: Shop, act: Act, attempts: int) -> None:
    """After the error only the database knows whether the batch was committed."""
    batch = make_orders(1, 100)
    with postgres_through(stack, Trap(COMMIT_OF_A_BATCH, act)) as trap:
        ended = shop.wait_ended([accept_in_the_end(shop, batch)])
        assert trap.sprung.is_set()
    assert_applied_once(shop, [batch], ended)
    assert ended[0]["attempts"] == attempts


@pytest.mark.parametrize("act", [Act.CUT_REPLY, pytest.param(Act.CUT_REQUEST, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_cut_off_enqueue_has_one_effect(stack: Stack, shop: Shop, act: Act) -> None:
    batches = [make_orders(first, 10) for first in range(1, 51, 10)]
    with redis_through(stack, Trap(ENQUEUE, act)) as trap:
        ended = shop.wait_ended([accept_in_the_end(shop, batch) for batch in batches])
        assert trap.sprung.is_set()
    assert_applied_once(shop, batches, ended)
    assert {job["attempts"] for job in ended} == {1}


def test_api_killed_before_the_enqueue_loses_no_batch(stack: Stack, shop: Shop) -> None:
    batch, key = make_orders(1, 20), uuid4().hex
    with redis_through(stack, Trap(ENQUEUE, Act.MUTE_REQUEST)) as trap, posting(shop, batch, key):
        wait_until(trap.sprung.is_set, 10.0, "the way to Redis")
        kill_api(stack)
        logs = stack.sql("SELECT id FROM sync_logs WHERE store_id = %s", shop.id)
    assert_applied_once(shop, [batch], shop.wait_ended([str(log_id) for (log_id,) in logs]))
    assert accept_in_the_end(shop, batch, key) == str(logs[0][0])


@pytest.mark.slow
def test_api_killed_before_the_commit_stores_nothing(stack: Stack, shop: Shop) -> None:
    batch, key = make_orders(1, 20), uuid4().hex
    with postgres_through(stack, Trap((hash_key(key).encode(),), Act.MUTE_REQUEST)) as trap, posting(shop, batch, key):
        wait_until(trap.sprung.is_set, 10.0, "the way to PostgreSQL")
        kill_api(stack)
    assert leftovers(stack, shop.id) == (0, 0)
    assert_applied_once(shop, [batch], shop.wait_ended([accept_in_the_end(shop, batch, key)]))


@contextmanager
def posting(shop: Shop, batch: list[dict[str, Any]], key: str) -> Iterator[None]:
    """A client that posts within the block and loses its connection."""
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(shop.post, "orders", batch, Idempotency_Key=key)
        yield
        assert isinstance(answer.exception(20.0), httpx.TransportError)


def kill_api(stack: Stack) -> None:
    """Kill master and web workers at once."""
    for master in stack.pids("api"):
        os.killpg(master, signal.SIGKILL)
