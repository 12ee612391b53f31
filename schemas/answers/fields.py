"""What the fields of answers are made of.

An answer is a `msgspec.Struct` that is encoded as it is: its JSON Schema and the example in the contract come from the same
class. Each field is always there unless its type has `UnsetType`, and is null only where its type says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, overload

from msgspec import Meta, Struct


class AnswerData(Struct, rename="camel", forbid_unknown_fields=True):
    """An object of an answer: its fields and no others, in camelCase."""


def about(text: str | None = None, *, example: Any = ...) -> Meta:
    """What the contract says of a field. Without an example it shows one that fits the type."""
    return Meta(description=text, extra=None if example is ... else {"example": example})


def one_of(*words: str) -> Meta:
    """One of a closed set of words. `Literal` would need the set to be written out where it comes from a registry."""
    return Meta(extra_json_schema={"enum": list(words)})


Count = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=0)]
Moment = Annotated[datetime, Meta(tz=True)]


@overload
def utc(value: datetime) -> datetime: ...


@overload
def utc(value: None) -> None: ...


def utc(value: datetime | None) -> datetime | None:
    """The same moment in UTC, so that it is encoded with `Z` whatever zone the database session has."""
    return None if value is None else value.astimezone(UTC)
