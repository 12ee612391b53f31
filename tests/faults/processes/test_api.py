"""The API killed under load: whoever got a receipt has his batch, and whoever got none may post again with his key."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.faults.oracle import accept_in_the_end, assert_applied_once, make_orders
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until


@pytest.mark.slow
def test_batches_apply_once_while_the_api_is_killed(stack: Stack, shop: Shop) -> None:
    batches = [make_orders(first, 100) for first in range(1, 4001, 100)]
    killed: list[int] = []
    jobs: list[str] = []
    with ThreadPoolExecutor(4) as posters:
        for job in posters.map(partial(accept_in_the_end, shop), batches):
            jobs.append(job)
            if len(jobs) in (8, 24):
                killed += kill_api(stack, killed)
    assert len(killed) == 2
    assert len(set(jobs)) == len(batches)
    assert_applied_once(shop, batches, shop.wait_ended(jobs))


def kill_api(stack: Stack, killed: list[int]) -> list[int]:
    """Kill -9 of its master; its supervisor ends the others of its group."""
    alive = wait_until(lambda: [pid for pid in stack.pids("api") if pid not in killed], 10.0, "an API to kill")
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return alive
