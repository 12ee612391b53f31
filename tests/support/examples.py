"""How many examples a property is tried with: all of them by `make test-faults`, a quarter by `make test`."""

from __future__ import annotations

from hypothesis import settings

THOROUGH, QUICK = 100, 25  # a property that does not say how many; the profiles of tests/conftest.py
FEWEST = 2


def examples(most: int) -> int:
    """`most` under the profile `thorough`, and its share of them under `quick`."""
    return max(FEWEST, most * settings().max_examples // THOROUGH)
