"""The API killed under load: a client with a receipt has its batch, and one without may post again."""

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
    """Kill the master process; its supervisor ends the rest of the group."""
    alive = wait_until(lambda: [pid for pid in stack.pids("api") if pid not in killed], 10.0, "an API to kill")
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return alive
