"""The form that starts a pull."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, pre_load, validates_schema

from schemas.requests.forms import FormChoice, FormNumber, FormSchema, read_form
from schemas.requests.modes import PULL_MODES
from schemas.requests.pulls import MOST_DAYS, MOST_MINUTES, MOST_RECORDS

NUMBERS = {"days": "days", "stale_after_mins": "staleAfterMins", "max_records": "maxRecords"}  # as modes name them


@dataclass(frozen=True, slots=True)
class StartForm:
    """A pull to start. A number is None if its field is empty or does not belong to the mode."""

    entity: str
    mode: str
    days: int | None
    stale_after_mins: int | None
    max_records: int | None


class PullFormSchema(FormSchema):
    """The fields of every form about a pull. `entities` and `modes` are those that the store's platform has."""

    entity = FormChoice("Choose what to sync.", required=True)
    mode = FormChoice("Choose a mode.", required=True)
    stale_after_mins = FormNumber(MOST_MINUTES)

    def __init__(self, entities: Collection[str], modes: Collection[str]) -> None:
        super().__init__()
        self.modes = modes
        for name, allowed in (("entity", entities), ("mode", modes)):
            choice = self.fields[name]
            assert isinstance(choice, FormChoice)
            choice.allowed = allowed

    @validates_schema(skip_on_field_errors=False)
    def check_needed(self, data: dict[str, Any], **_kwargs: Any) -> None:
        # A wrong value is not in `data` and has its own message.
        is_empty = data.get("stale_after_mins", 0) is None
        if is_empty and "mode" in data and PULL_MODES[data["mode"]].needs == "staleAfterMins":
            raise ValidationError("Enter how many minutes to look back.", "stale_after_mins")


class StartFormSchema(PullFormSchema):
    """The form that starts a pull."""

    days = FormNumber(MOST_DAYS)
    max_records = FormNumber(MOST_RECORDS)

    @pre_load
    def drop_other_numbers(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        # The page hides the fields of other modes, but sends what was typed into them.
        meant = numbers_of(data["mode"]) if data.get("mode") in self.modes else ()
        return {name: value for name, value in data.items() if name not in NUMBERS or name in meant}


def numbers_of(mode: str) -> tuple[str, ...]:
    """The number fields that `mode` uses."""
    return tuple(name for name, option in NUMBERS.items() if option in PULL_MODES[mode].takes)


def read_start_form(sent: Mapping[str, str], entities: Collection[str], modes: Collection[str]) -> StartForm:
    """Numbers that the mode does not use are ignored. Raises WrongForm."""
    return StartForm(**read_form(StartFormSchema(entities, modes), sent))
