"""The code that carries a promise, the tests that cover it, and the survivors that were looked at."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from tests.support.paths import ROOT

SURVIVORS = ROOT / "tests" / "mutants" / "survivors.toml"


@dataclass(frozen=True, slots=True)
class Promise:
    """A row of `[tool.mutants]` in pyproject.toml."""

    why: str
    code: list[str]
    tests: list[str]


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test can or need notice: the first line that it changes and what that becomes, without indentation."""

    path: str
    line: str
    becomes: str
    why: str


def read_promises() -> list[Promise]:
    """Raises FileNotFoundError for code or tests that do not exist."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]["promises"]
    promises = [Promise(**table) for table in tables]
    for path in (path for promise in promises for path in promise.code + promise.tests):
        (ROOT / path).stat()
    return promises


def read_survivors() -> list[Survivor]:
    return [Survivor(**table) for table in tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])]
