"""Every code that a person can meet has its row in docs/troubleshooting.md, and no row names a code that is gone."""

from __future__ import annotations

import ast
import re

from app.http.errors import ERROR_CODES
from schemas.base.error_codes import REASONS
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
CODE = re.compile(r"[A-Z]+(?:_[A-Z]+)+|INTERNAL|REJECTED")
NO_CODES = {"AUTOMATIC_REST_SECONDS", "DATABASE_URL", "SECRET_KEY", "SECRET_KEY_OLD", "EMAIL_HASH_KEY", "REDIS_URL"}


def rows_below(heading: str) -> list[str]:
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def codes_of_workers() -> set[str]:
    """Texts in the form of a code, in all that runs in a worker."""
    found: set[str] = set()
    for path in (ROOT / "workers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found - NO_CODES


def test_every_answer_of_the_api_is_explained() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", TEXT, re.MULTILINE)
    assert dict(rows) == {code: str(declared.status) for code, declared in ERROR_CODES.items()}


def test_every_reason_of_a_skipped_record_is_explained() -> None:
    assert rows_below("Skipped records") == list(REASONS)


def test_every_code_of_syncs_and_shops_is_explained() -> None:
    sections = ("Syncs that failed", "Shops that can't be reached", "Outbound items that failed")
    rows = [row for heading in sections for row in rows_below(heading)]
    assert len(set(rows)) == len(rows)
    codes = codes_of_workers()
    assert len(codes) > 50
    assert sorted(rows) == sorted(codes)
