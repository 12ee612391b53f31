"""The fields of requests, and how one is read as a whole: the first thing that is wrong is said in words, to whoever sent it.

A field's message follows its name ("days must be a whole number …"); one about the request as a whole stands alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from schemas.base.strict_json import NotJson, loads

MOST_NAME = 50  # of a name that a client made up, as it is told back


class WrongRequest(ValueError):
    """The request can't be followed. `code` is one of the API's codes; the message is safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RequestSchema(Schema):
    """A body or a query. `rules` says in JSON Schema what its own checks demand beyond the single fields."""

    class Meta:
        unknown = EXCLUDE

    rules: ClassVar[dict[str, Any]] = {}


class ClosedSchema(RequestSchema):
    """A body with no other names than these: a misspelt mode must not become another one."""

    class Meta:
        unknown = RAISE

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_messages["unknown"] = "is not known: the fields are " + ", ".join(self.fields)


class RequestField(fields.Field[Any]):
    """A field with one message for whatever is wrong with it."""

    def __init__(self, words: str, **kwargs: Any) -> None:
        super().__init__(error_messages={"required": words, "null": words}, **kwargs)
        self.words = words

    def wrong(self) -> ValidationError:
        return ValidationError(self.words)


class Choice(RequestField):
    """One of a closed set of words."""

    def __init__(self, allowed: Sequence[str], **kwargs: Any) -> None:
        super().__init__("must be one of " + ", ".join(allowed), **kwargs)
        self.allowed = tuple(allowed)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self.allowed:
            raise self.wrong()
        return value


class Whole(RequestField):
    """A whole number of JSON within bounds, `5.0` too: JSON Schema sees no difference, and PHP writes it so."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(f"must be a whole number from {least} to {most}", **kwargs)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) not in (int, Decimal) or not self.least <= value <= self.most or value % 1:
            raise self.wrong()
        return int(value)


class QueryWhole(Whole):
    """A whole number in a query: its digits and nothing else."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(self.most))):
            raise self.wrong()
        return int(super()._deserialize(int(value), attr, data, **kwargs))


class Truth(RequestField):
    """`true` or `false` of JSON."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be true or false", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong()
        return value


class QueryTruth(Truth):
    """`true` or `false` in a query, in any case, or 1 or 0."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        word = value.lower() if isinstance(value, str) else value
        if word not in ("true", "false", "1", "0"):
            raise self.wrong()
        return word in ("true", "1")


class Words(RequestField):
    """Text whose meaning is judged elsewhere; `pattern` describes what is understood there."""

    def __init__(self, *, pattern: str | None = None, **kwargs: Any) -> None:
        super().__init__("must be text", **kwargs)
        self.pattern = pattern

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong()
        return value


class QueryUuid(RequestField):
    """A UUID in a query."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be a UUID", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        try:
            return UUID(value)
        except ValueError:
            raise self.wrong() from None


def wrong(message: str) -> WrongRequest:
    return WrongRequest("VALIDATION_ERROR", message)


def read_object(body: bytes) -> dict[str, Any]:
    try:
        document = loads(body)
    except NotJson as error:
        raise WrongRequest("INVALID_JSON", f"{error}") from None
    if not isinstance(document, dict):
        raise wrong("send a JSON object")
    return document


def read_request(schema: RequestSchema, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A body or query by its schema, with the schema's defaults. Raises WrongRequest."""
    try:
        loaded: dict[str, Any] = schema.load(sent)
    except ValidationError as error:
        raise wrong(_first(error.messages_dict)) from None
    return loaded


def _first(messages: Mapping[str, Any]) -> str:
    name, said = next(iter(messages.items()))
    return str(said[0]) if name == "_schema" else f"{name[:MOST_NAME]} {said[0]}"
