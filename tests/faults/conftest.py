"""One running Sluice for all fault tests that need no settings of their own, and a new shop for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.harm import is_whole
from tests.faults.oracle import assert_nothing_told
from tests.support.stack import UNMEASURED, Shop, Stack, running_stack
from tests.support.waiting import wait_until


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Two workers. What must never happen whatever the fault is looked for at the end."""
    with running_stack(WORKERS="2", **UNMEASURED) as running:
        yield running
        assert_nothing_told(running)


@pytest.fixture
def shop(stack: Stack) -> Iterator[Shop]:
    """A store of its own on a stack that has got over the test before."""
    wait_until(lambda: is_whole(stack), 30.0, "the stack to be whole")
    yield stack.create_store()
    stack.thaw()
