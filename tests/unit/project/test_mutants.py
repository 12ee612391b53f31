"""The mutants that `make mutants` makes of SQL and Python, and its list of explained survivors."""

from __future__ import annotations

from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.promises import read_promises, read_survivors
from tests.mutants.python_mutants import dropped_statements
from tests.mutants.sql_mutants import sql_mutants
from tests.support.paths import ROOT

QUERY = """-- name: take
-- Only if a < b AND c.
SELECT id FROM t
 WHERE store_id = %(store_id)s AND kind = 'a AND b' AND (x IS NULL OR x < 2)
 LIMIT %(most)s
   FOR UPDATE SKIP LOCKED
"""
CODE = """def f(x: int) -> int:
    if x < 0:
        return 0
    log.info("event", x=x)
    save(x)
    x += 1
    return x
"""


def test_each_condition_lock_limit_and_bound_of_a_query_is_a_mutant() -> None:
    assert {mutant.what for mutant in sql_mutants("q.sql", QUERY)} == {
        "drop `store_id = %(store_id)s`",
        "drop `kind = 'a AND b'`",
        "drop `(x IS NULL OR x < 2)`",
        "drop `x < 2`",
        "negate",
        "include the bound",
        "drop the limit",
        "drop the lock",
        "wait for the lock",
    }


def test_a_dropped_condition_leaves_a_valid_query(tmp_path: Path) -> None:
    made = {mutant.what: written(mutant, tmp_path) for mutant in sql_mutants("q.sql", QUERY)}
    assert " WHERE true AND kind = 'a AND b' AND (x IS NULL OR x < 2)\n" in made["drop `store_id = %(store_id)s`"]
    assert " AND true AND (x IS NULL OR x < 2)\n LIMIT" in made["drop `kind = 'a AND b'`"]
    assert " AND (x IS NULL OR false)\n" in made["drop `x < 2`"]
    assert " LIMIT ALL\n   FOR UPDATE SKIP LOCKED\n" in made["drop the limit"]


def test_guards_calls_and_counts_are_dropped_and_log_events_kept(tmp_path: Path) -> None:
    made = {mutant.what: written(mutant, tmp_path) for mutant in dropped_statements("c.py", CODE)}
    assert set(made) == {"drop `if x < 0:`", "drop `save(x)`", "drop `x += 1`"}
    assert made["drop `if x < 0:`"].startswith("def f(x: int) -> int:\n    pass\n    log.info")


def test_explained_survivors_still_stand_in_their_files() -> None:
    gone = [known for known in read_survivors() if known.line not in lines_of(known.path) or not known.why]
    assert gone == []


def test_the_code_and_tests_of_every_promise_exist() -> None:
    assert all(promise.why and promise.code and promise.tests for promise in read_promises())


def lines_of(path: str) -> set[str]:
    return {line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()}


def written(mutant: Mutant, root: Path) -> str:
    mutant.make(root)
    return (root / mutant.path).read_text(encoding="utf-8")
