"""A pytest plugin that shuffles the order of the modules, and of the tests within each: `make test-order SEED=7`.

A module stays whole, because its tests share a database. With `--busy` every core has a second program to run meanwhile.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import groupby

import pytest

SPIN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with the tests, however they end
BUSY = pytest.StashKey[list[subprocess.Popen[bytes]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("order")
    group.addoption("--seed", type=int, default=1, help="the order to take")
    group.addoption("--busy", action="store_true", help="keep all cores busy meanwhile")


def pytest_configure(config: pytest.Config) -> None:
    loads = os.cpu_count() or 1 if config.getoption("busy") and not _is_worker(config) else 0
    config.stash[BUSY] = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(loads)]


def pytest_unconfigure(config: pytest.Config) -> None:
    for process in config.stash[BUSY]:
        process.kill()
        process.wait()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    terminalreporter.write_line(
        f"Order: --seed {config.getoption('seed')}, beside {len(config.stash[BUSY])} busy processes"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Workers of xdist get the same seed by their command line, so all have the same order.
    order = random.Random(config.getoption("seed"))
    modules = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    order.shuffle(modules)
    for module in modules:
        order.shuffle(module)
    items[:] = [item for module in modules for item in module]


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
