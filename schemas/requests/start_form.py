"""The form that starts a pull: its fields as text, each wrong one told by its name, so that a page can say it beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.requests.modes import PULL_MODES
from schemas.requests.pulls import MOST_DAYS, MOST_MINUTES, MOST_RECORDS


@dataclass(frozen=True, slots=True)
class StartForm:
    """What is asked for. Numbers are None where their field is empty, or does not belong to the mode."""

    entity: str
    mode: str
    days: int | None
    stale_after_mins: int | None
    max_records: int | None


class WrongForm(ValueError):
    """`problems`: field name → plain words."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("the form has wrong fields")
        self.problems = problems


NUMBERS = {"days": MOST_DAYS, "stale_after_mins": MOST_MINUTES, "max_records": MOST_RECORDS}
OPTIONS = {"days": "days", "stale_after_mins": "staleAfterMins", "max_records": "maxRecords"}  # as modes name them


def numbers_of(mode: str) -> tuple[str, ...]:
    """The fields that mean something in a mode."""
    return tuple(name for name, option in OPTIONS.items() if option in PULL_MODES[mode].takes)


def read_start_form(fields: Mapping[str, str], entities: Collection[str], modes: Collection[str]) -> StartForm:
    """Numbers that mean nothing in the mode are ignored. Raises WrongForm."""
    problems: dict[str, str] = {}
    entity, mode = fields.get("entity", ""), fields.get("mode", "")
    if entity not in entities:
        problems["entity"] = "Choose what to sync."
    if mode not in modes:
        problems["mode"] = "Choose a mode."
    numbers = {name: _number(name, fields, problems) for name in (numbers_of(mode) if mode in modes else ())}
    for name, value in numbers.items():
        if PULL_MODES[mode].needs == OPTIONS[name] and value is None and name not in problems:
            problems[name] = "This mode needs to know how far back to look."
    if problems:
        raise WrongForm(problems)
    return StartForm(entity, mode, numbers.get("days"), numbers.get("stale_after_mins"), numbers.get("max_records"))


def _number(name: str, fields: Mapping[str, str], problems: dict[str, str]) -> int | None:
    value = fields.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 12 and 1 <= int(value) <= NUMBERS[name]):
        problems[name] = f"Write a whole number from 1 to {NUMBERS[name]:,}."
        return None
    return int(value)
