"""docs/reliability.md names every fault test, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
TABLE = (TESTS.parent / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([\w/]+/test_\w+\.py)::(test_\w+)`", TABLE)


def names_in(path: Path) -> set[str]:
    return set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def test_every_test_that_is_named_exists() -> None:
    assert len(NAMED) > 60
    assert [f"{path}::{name}" for path, name in NAMED if name not in names_in(TESTS / path)] == []


def test_every_test_of_a_fault_is_named() -> None:
    named = {name for _, name in NAMED}
    missing = {name for path in (TESTS / "faults").rglob("test_*.py") for name in names_in(path) - named}
    assert missing == set()


def test_faults_are_numbered_without_gaps() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", TABLE, re.MULTILINE)]
    assert numbers == list(range(1, 65))


def test_every_test_file_named_in_documents_exists() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md"))]
    named = {path for text in texts for path in re.findall(r"`(?:tests/)?((?:\w+/)+test_\w+\.py)", text)}
    assert [path for path in sorted(named) if not (TESTS / path).is_file()] == []
