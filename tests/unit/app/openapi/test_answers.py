"""Schema and example of an answer come from its struct, and describe what is encoded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated
from uuid import UUID

import pytest
from msgspec import UNSET, UnsetType

from app.openapi.answers import example_of, schemas_of
from schemas.answers.fields import AnswerData, Count, Moment, about, one_of, utc
from schemas.base.strict_json import dumps, loads

SOME_ID = UUID(int=7)


class Inner(AnswerData):
    """What is inside."""

    text: Annotated[str, about(example="a")]


class Outer(AnswerData, kw_only=True):
    """What is outside."""

    some_id: UUID
    changed_at: Moment | None
    state: Annotated[str, one_of("open", "closed")] | None
    counted: Annotated[Count, about("how many")]
    entries: list[Inner]
    more: str | UnsetType = UNSET


class Silent(AnswerData):
    """A text without example."""

    text: str


def test_example_has_the_fields_that_are_always_there() -> None:
    assert example_of(Outer) == {
        "someId": "0199a6f2-7e1c-7c3b-9a6e-0d4f1c2b3a49",
        "changedAt": "2026-01-15T12:00:00Z",
        "state": "open",
        "counted": 1,
        "entries": [{"text": "a"}],
    }


def test_whole_example_has_all_fields() -> None:
    class Whole(AnswerData):
        always: Count
        sometimes: Count | UnsetType = UNSET

    assert (example_of(Whole), example_of(Whole, whole=True)) == ({"always": 1}, {"always": 1, "sometimes": 1})


def test_example_of_a_text_must_be_declared() -> None:
    with pytest.raises(ValueError, match=r"Silent\.text needs an example"):
        example_of(Silent)


def test_schema_names_fields_as_they_are_encoded() -> None:
    schemas = schemas_of([Outer])
    encoded = loads(
        dumps(Outer(some_id=SOME_ID, changed_at=None, state=None, counted=0, entries=[Inner("x")], more="y"))
    )
    assert set(schemas["Outer"]["properties"]) == set(encoded)
    assert set(schemas["Outer"]["required"]) == set(encoded) - {"more"}
    assert schemas["Outer"]["properties"]["counted"] == {"type": "integer", "minimum": 0, "description": "how many"}
    assert schemas["Outer"]["properties"]["entries"]["items"] == {"$ref": "#/components/schemas/Inner"}
    assert "title" not in schemas["Outer"] and schemas["Inner"]["additionalProperties"] is False


def test_unset_fields_are_left_out_of_the_answer() -> None:
    assert "more" not in loads(dumps(Outer(some_id=SOME_ID, changed_at=None, state=None, counted=0, entries=[])))


def test_moments_are_encoded_in_utc() -> None:
    noon = datetime(2026, 1, 15, 14, 0, 1, 100000, tzinfo=timezone(timedelta(hours=2)))
    assert dumps([utc(noon), utc(datetime(2026, 1, 15, tzinfo=UTC))]) == (
        b'["2026-01-15T12:00:01.100000Z","2026-01-15T00:00:00Z"]'
    )


def test_lone_surrogate_in_an_answer_is_escaped() -> None:
    assert dumps(Inner("\ud83d")) == b'{"text":"\\ud83d"}'
