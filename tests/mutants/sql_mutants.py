"""Mistakes in SQL: a condition, a lock or a limit is missing, a bound includes its end, an order is reversed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.mutants.mutant import Mutant, edit

SILENT = re.compile(r"--[^\n]*|'(?:[^']|'')*'")  # comments and string literals
CONDITION = re.compile(r"\b(WHERE|AND|OR)\s+(?!REPLACE\b)")
BETWEEN = re.compile(r"\bBETWEEN\s+\S+\s+$")
CLAUSE = re.compile(
    r"\b(?:AND|OR|ORDER BY|GROUP BY|LIMIT|FOR UPDATE|RETURNING|UNION|ON CONFLICT|JOIN|DO|THEN|WHEN|ELSE|END)\b|[;,]|\n\n"
)
NOW = r" (?:clock_timestamp|now)\(\)"  # no stored time equals it, so a bound at this moment includes nothing
RULES = (
    (rf"(?<![<>=!])<(?![<>=@]|{NOW})", "<=", "include the bound"),
    (rf"<=(?!{NOW})", "<", "exclude the bound"),
    (rf"(?<![<>=-])>(?![>=]|{NOW})", ">=", "include the bound"),
    (rf">=(?!{NOW})", ">", "exclude the bound"),
    (r" [+] 1\b", " + 0", "count nothing"),
    (r"\bleast\(", "greatest(", "the greatest"),
    (r"\bgreatest\(", "least(", "the least"),
    (r"\bIS NULL\b", "IS NOT NULL", "negate"),
    (r"\bIS NOT NULL\b", "IS NULL", "negate"),
    (r"\bNOT EXISTS\b", "EXISTS", "negate"),
    (r"\bFOR UPDATE(?: OF \w+)?(?: SKIP LOCKED)?", "", "drop the lock"),
    (r" SKIP LOCKED\b", "", "wait for the lock"),
    (r"\bLIMIT (?:%\(\w+\)s|\w+)", "LIMIT ALL", "drop the limit"),
    (r" DESC\b", " ASC", "reverse the order"),
)


def sql_mutants(path: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a file of queries or of one function."""
    code = SILENT.sub(lambda match: (" " if match[0].startswith("--") else "_") * len(match[0]), text)
    for match in CONDITION.finditer(code):
        if not BETWEEN.search(code[: match.start()]):
            always = "false" if match[1] == "OR" else "true"
            end = _end_of_condition(code, match.end())
            yield edit(path, text, match.end(), end, always, f"drop `{' '.join(text[match.end() : end].split())}`")
    for pattern, replacement, what in RULES:
        for match in re.finditer(pattern, code):
            yield edit(path, text, match.start(), match.end(), replacement, what)


def _end_of_condition(code: str, start: int) -> int:
    depth = 0
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth < 0 or (depth == 0 and CLAUSE.match(code, place)):
            return start + len(code[start:place].rstrip())
    return len(code.rstrip())
