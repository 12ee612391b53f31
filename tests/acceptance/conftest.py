"""One running Sluice for all tests over HTTP that need no settings of their own; each makes its own shops."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Shop, Stack, running_stack

MOST_BODY_BYTES = 1024 * 1024


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Two workers of a kind and a bound that is soon reached; the log tells all there is to tell."""
    with running_stack(WORKERS="2", WEB_WORKERS="2", MAX_BODY_BYTES=str(MOST_BODY_BYTES), LOG_LEVEL="DEBUG") as running:
        yield running


@pytest.fixture
def shop(stack: Stack) -> Shop:
    return stack.create_store()
