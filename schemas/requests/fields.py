"""The fields of requests, and the reader of a whole request. An error names the first wrong field in plain words.

A field's message follows its name ("days must be a whole number …"). A message about the whole request has no name before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields

from schemas.base.contract_field import ContractField, JsonSchema
from schemas.base.strict_json import NotJson, loads

MOST_NAME = 50  # characters of an unknown field's name that an error repeats


class WrongRequest(ValueError):
    """The request is refused. `code` is one of the API's error codes; the message is safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RequestSchema(Schema):
    """A body or a query. `rules` is the JSON Schema of checks that involve several fields."""

    class Meta:
        unknown = EXCLUDE

    rules: ClassVar[dict[str, Any]] = {}


class ClosedSchema(RequestSchema):
    """A body that refuses unknown fields, so that a misspelt option is not ignored."""

    class Meta:
        unknown = RAISE

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error_messages["unknown"] = "is not known: the fields are " + ", ".join(self.fields)


class RequestField(ContractField, fields.Field[Any]):
    """A field with one message for every error."""

    def __init__(self, words: str, **kwargs: Any) -> None:
        super().__init__(error_messages={"required": words, "null": words}, **kwargs)
        self.words = words

    def wrong(self) -> ValidationError:
        return ValidationError(self.words)


class Choice(RequestField):
    """One of `allowed`."""

    def __init__(self, allowed: Sequence[str], **kwargs: Any) -> None:
        super().__init__("must be one of " + ", ".join(allowed), **kwargs)
        self.allowed = tuple(allowed)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in self.allowed:
            raise self.wrong()
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "enum": list(self.allowed)}


class Whole(RequestField):
    """A whole number within bounds. `5.0` is one too: JSON Schema agrees, and PHP may write it that way."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(f"must be a whole number from {least} to {most}", **kwargs)
        self.least, self.most = least, most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if type(value) not in (int, Decimal) or not self.least <= value <= self.most or value % 1:
            raise self.wrong()
        return int(value)

    def json_schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class QueryWhole(Whole):
    """A whole number in a query, written in ASCII digits."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(self.most))):
            raise self.wrong()
        return int(super()._deserialize(int(value), attr, data, **kwargs))


class Truth(RequestField):
    """JSON's `true` or `false`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be true or false", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong()
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "boolean"}


class QueryTruth(Truth):
    """`true`, `false`, `1` or `0` in a query, in any letter case."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        word = value.lower() if isinstance(value, str) else value
        if word not in ("true", "false", "1", "0"):
            raise self.wrong()
        return word in ("true", "1")


class Words(RequestField):
    """Text that is checked elsewhere. `pattern` describes in the contract what passes there."""

    def __init__(self, *, pattern: str | None = None, **kwargs: Any) -> None:
        super().__init__("must be text", **kwargs)
        self.pattern = pattern

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.wrong()
        return value

    def json_schema(self) -> JsonSchema:
        return {"type": "string"} | ({"pattern": self.pattern} if self.pattern else {})


class QueryUuid(RequestField):
    """A UUID in a query."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("must be a UUID", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> UUID:
        try:
            return UUID(value)
        except ValueError:
            raise self.wrong() from None

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "format": "uuid"}


def wrong(message: str) -> WrongRequest:
    return WrongRequest("VALIDATION_ERROR", message)


def read_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises WrongRequest."""
    try:
        document = loads(body)
    except NotJson as error:
        raise WrongRequest("INVALID_JSON", f"{error}") from None
    if not isinstance(document, dict):
        raise wrong("send a JSON object")
    return document


def read_request(schema: RequestSchema, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Load a body or query with its schema. Raises WrongRequest that names the first wrong field."""
    try:
        loaded: dict[str, Any] = schema.load(sent)
    except ValidationError as error:
        name, messages = next(iter(error.messages_dict.items()))
        raise wrong(messages[0] if name == "_schema" else f"{name[:MOST_NAME]} {messages[0]}") from None
    return loaded
