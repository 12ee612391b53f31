"""docs/log-events.md lists each logged event once, with its level and fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

SOURCES = sorted(path for room in ("app", "workers", "db", "schemas") for path in (ROOT / room).rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|(.*?)\| (.+) \|$", re.MULTILINE)
OF_EXCEPTION = {"raised", "at"}
# What a call spreads into fields, by the text of the expression; anything else must be written out.
SPREAD = {
    "safe_facts(error)": {"error", "sqlstate", "constraint"},
    "safe_facts(second)": {"error", "sqlstate", "constraint"},
    "facts": {"error", "sqlstate", "constraint", *OF_EXCEPTION},
    "refused": set(),
    "facts_of(notice)": set(
        "alert_id kind store_id entity source log_id measured threshold raised_at recovered_at".split()
    ),
}


@dataclass(frozen=True)
class Logged:
    """One call in the source."""

    place: str
    level: str
    event: str  # empty where it is not a constant
    fields: frozenset[str]


@dataclass(frozen=True)
class Row:
    level: str
    fields: frozenset[str]


@cache
def calls() -> list[Logged]:
    return [call for path in SOURCES for call in calls_in(path)]


def calls_in(path: Path) -> Iterator[Logged]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and is_log(node.func):
            assert isinstance(node.func, ast.Attribute)
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            constant = len(node.args) == 1 and isinstance(node.args[0], ast.Constant)
            event = str(ast.literal_eval(node.args[0])) if constant else ""
            yield Logged(place, node.func.attr, event, frozenset(fields_of(node)))


def is_log(function: ast.expr) -> bool:
    """`log.info` and its kin, on a name or on an attribute that is called log."""
    if not isinstance(function, ast.Attribute) or function.attr not in LEVELS:
        return False
    owner = function.value
    return (isinstance(owner, ast.Name) and owner.id in ("log", "logger")) or (
        isinstance(owner, ast.Attribute) and owner.attr in ("log", "logger")
    )


def fields_of(call: ast.Call) -> set[str]:
    fields: set[str] = (
        set(OF_EXCEPTION) if isinstance(call.func, ast.Attribute) and call.func.attr == "exception" else set()
    )
    for keyword in call.keywords:
        if keyword.arg is None:
            fields |= SPREAD[ast.unparse(keyword.value)]
        elif keyword.arg == "exc_info":
            fields |= OF_EXCEPTION
        else:
            fields.add(keyword.arg)
    return fields


ROWS = ROW.findall((ROOT / "docs" / "log-events.md").read_text(encoding="utf-8"))
TABLE = {event: Row(level, frozenset(re.findall(r"`(\w+)`", fields))) for event, level, fields, _ in ROWS}


def test_every_event_is_a_constant_name() -> None:
    assert len(calls()) > 50
    assert [call.place for call in calls() if not re.fullmatch(r"[a-z][a-z0-9_]*", call.event)] == []


def test_every_event_has_a_row_with_level_and_fields() -> None:
    assert [call for call in calls() if not is_told(call, TABLE.get(call.event))] == []


def is_told(call: Logged, row: Row | None) -> bool:
    level = {"exception": "error"}.get(call.level, call.level)
    return row is not None and row.level == level and call.fields <= row.fields


def test_every_row_is_an_event_that_is_logged() -> None:
    assert sorted(event for event, *_ in ROWS) == sorted({call.event for call in calls()})


def test_every_field_in_the_table_is_logged() -> None:
    bound = {("request", "log_id"), ("request", "records"), ("attempt_failed", "seconds")}
    known: dict[str, set[str]] = {}
    for call in calls():
        known.setdefault(call.event, set()).update(call.fields)
    promised = {(event, name) for event, row in TABLE.items() for name in row.fields - known[event]}
    assert promised == bound
