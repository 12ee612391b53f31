"""One running stack for all fault tests with default settings, and a new store for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.harm import is_whole
from tests.faults.oracle import assert_nothing_told
from tests.support.stack import UNMEASURED, Shop, Stack, running_stack
from tests.support.waiting import wait_until


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A stack with two workers. At the end it is searched for leaked addresses and tracebacks."""
    with running_stack(WORKERS="2", **UNMEASURED) as running:
        yield running
        assert_nothing_told(running)


@pytest.fixture
def shop(stack: Stack) -> Iterator[Shop]:
    """A new store, on a stack that has recovered from the previous test."""
    wait_until(lambda: is_whole(stack), 30.0, "the stack to be whole")
    yield stack.create_store()
    stack.thaw()
