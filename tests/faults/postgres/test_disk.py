"""PostgreSQL's disk is full: accepted batches wait, others answer 503, and every status is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.harm import is_whole, small_disk
from tests.faults.oracle import accept_in_the_end, assert_applied_once, assert_nothing_told, make_orders, receipt
from tests.support.data_dirs import data_dir
from tests.support.stack import Shop, Stack, running_on
from tests.support.waiting import wait_until

DISK = "192m"
LATER = 100_001
BLOCK = b"\0" * 65536


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Fill the disk within the block."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(BLOCK):
            pass
    try:
        yield
    finally:
        ballast.unlink()


@pytest.mark.slow
def test_a_full_disk_answers_503_and_loses_nothing() -> None:
    batches = [make_orders(first, 2000) for first in range(1, 8001, 2000)]
    with data_dir() as root, small_disk(root, DISK), running_on(root, WORKERS="2", MAX_ATTEMPTS="20") as stack:
        shop = stack.create_store()
        with stack.frozen("worker"):
            jobs = [shop.accept("orders", batch) for batch in batches]
            with filled(root):
                stack.thaw()
                wait_until(lambda: is_full(stack), 30.0, "a worker to run out of disk")
                more, refused, key = accept_until_refused(shop)
                assert stack.up.health() == 200
        wait_until(lambda: is_whole(stack), 60.0, "the stack to be whole")
        jobs += [*more, accept_in_the_end(shop, refused, key)]
        batches += [make_orders(first, 2000) for first in range(LATER, LATER + 2000 * (len(more) + 1), 2000)]
        assert_applied_once(shop, batches, shop.wait_ended(jobs, 60.0))
        assert_nothing_told(stack)


def is_full(stack: Stack) -> bool:
    return any(line.get("sqlstate") == "53100" for line in stack.up.logged("attempt_failed"))


def accept_until_refused(shop: Shop) -> tuple[list[str], list[dict[str, Any]], str]:
    """Post until the disk has no room: the accepted jobs, and the batch that was refused."""
    jobs: list[str] = []
    for first in count(LATER, 2000):
        batch, key = make_orders(first, 2000), uuid4().hex
        answer = receipt(shop, batch, key)
        if answer is None:
            return jobs, batch, key
        jobs.append(answer.json()["data"]["jobId"])
    raise AssertionError("unreachable: a disk has an end")
