"""How an operation of the API is declared: who may call it, what it takes, what it answers, and with which errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Flask
from marshmallow import Schema

from app.http.body import SMALL_BODY, batch_limits
from app.http.scopes import Scope
from app.settings.environment import Settings
from schemas.answers.fields import AnswerData
from schemas.base.json_bounds import JsonBounds
from schemas.requests.fields import RequestSchema, read_object, read_request

# A token with one of these scopes; METRICS_TOKEN; None: no token.
Access = tuple[Scope, ...] | Literal["metrics"] | None
Method = Literal["get", "post", "put", "delete"]
Parse = Callable[[bytes], Any]

CALLER = ("UNAUTHORIZED", "FORBIDDEN", "RATE_LIMITED")
BODY = ("VALIDATION_ERROR", "INVALID_JSON", "LENGTH_REQUIRED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
# `<uuid:log_id>`, `<any(orders,products):entity>` or `<product_id>`.
CONVERTER = re.compile(r"<(?:(?P<kind>\w+)(?:\((?P<choices>[^)]*)\))?:)?(?P<name>\w+)>")


@dataclass(frozen=True, slots=True)
class Link:
    """Where an answer leads: the operation, and its path's parameters by a runtime expression."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `data` is inside the envelope unless `bare`; `raw` is the schema of another body; with neither, no body.

    `example` replaces fields of the example that `data` yields.
    """

    status: int
    about: str
    data: type[AnswerData] | None = None
    or_else: type[AnswerData] | None = None  # `data` may have this shape instead
    bare: bool = False
    raw: Mapping[str, Any] | None = None
    example: Any = None
    whole: bool = False  # the example has the fields that are not always there, too
    mimetype: str = "application/json"
    headers: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)  # other media types, each with an example


def small_body(_settings: Settings) -> JsonBounds:
    return SMALL_BODY


def whole_batch(settings: Settings) -> JsonBounds:
    return batch_limits(settings, settings.max_batch_records)


@dataclass(frozen=True, slots=True)
class Batch:
    """A body of records that are judged one by one: what does not fit `record` is skipped, and the rest is applied.

    `parser` takes the arguments of the path and returns what reads the body. What it refuses is refused before that.
    """

    name: str
    record: type[Schema]
    example: Any
    parser: Callable[..., Parse]
    is_plugin: bool = True
    limits: Callable[[Settings], JsonBounds] = whole_batch
    required: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is judged as a whole by `schema`, or by `read` where the view wants more than a dictionary.

    With `required` False, an absent body is an empty object.
    """

    schema: type[RequestSchema]
    example: Any
    required: bool = True
    read: Parse | None = None
    limits: Callable[[Settings], JsonBounds] = small_body

    def parser(self, **_place: Any) -> Parse:
        return self.read or self._read

    def _read(self, body: bytes) -> dict[str, Any]:
        return read_request(self.schema(), read_object(body))


@dataclass(frozen=True, slots=True)
class Place:
    """A parameter of the path. Its name and schema follow from the rule unless they are given."""

    about: str = ""
    name: str | None = None
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `errors` are all codes that it can answer.

    With `brings_data`, a store above its quota is refused before the body is read. `audit` is the name under which a change is
    recorded, False for one that is recorded elsewhere; every method but `get` needs it.
    """

    name: str
    method: Method
    path: str
    tag: str
    summary: str
    about: str
    access: Access
    answers: tuple[Answer, ...]
    errors: tuple[str, ...] = ()
    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    query: type[RequestSchema] | None = None
    headers: tuple[str, ...] = ()
    body: Batch | Body | None = None
    brings_data: bool = False
    audit: str | Literal[False] | None = None


def path_of(rule: str, places: Mapping[str, Place]) -> tuple[str, dict[str, Mapping[str, Any]]]:
    schemas: dict[str, Mapping[str, Any]] = {}

    def name(found: re.Match[str]) -> str:
        place = places.get(found["name"], Place())
        named = place.name or _camel(found["name"])
        schemas[named] = place.schema or _schema(found)
        if place.about:
            schemas[named] = {**schemas[named], "description": place.about}
        return f"{{{named}}}"

    return CONVERTER.sub(name, rule), schemas


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _schema(found: re.Match[str]) -> dict[str, Any]:
    if found["kind"] == "uuid":
        return {"type": "string", "format": "uuid"}
    return {"type": "string", **({"enum": found["choices"].split(",")} if found["choices"] else {})}


def all_errors(declared: Operation, rule: str) -> tuple[str, ...]:
    """The errors that a view declares, and those that follow from its access, query, body and rule."""
    codes = {*declared.errors, "INTERNAL"}
    if declared.access is not None:
        codes |= {"UNAUTHORIZED", "FORBIDDEN"} if declared.access == "metrics" else {*CALLER, "UNAVAILABLE"}
    if declared.body is not None:
        codes |= set(BODY)
    if declared.query is not None:
        codes |= {"VALIDATION_ERROR"}
    if declared.brings_data:
        codes |= {"STORAGE_FULL"}
    # Werkzeug itself answers 404 for a value that a converter does not take.
    if any(found["kind"] for found in CONVERTER.finditer(rule)) and declared.places:
        codes |= {"NOT_FOUND"}
    return tuple(sorted(codes))


def operations_of(app: Flask) -> tuple[Operation, ...]:
    """What the views of an application declare, in the order of their routes."""
    return tuple(_declared(app))


def _declared(app: Flask) -> Iterator[Operation]:
    for view in app.view_functions.values():
        yield from getattr(view, "operations", ())
