"""How an operation of the API is declared: what it takes, what it answers, and which errors it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marshmallow import Schema

from schemas.requests.fields import RequestSchema

Role = Literal["store", "admin", "metrics"]

CALLER = ("UNAUTHORIZED", "FORBIDDEN", "RATE_LIMITED")  # whoever asks for a token can answer these
SERVER = ("INTERNAL", "UNAVAILABLE")  # whatever looks into the database can
BODY = ("VALIDATION_ERROR", "INVALID_JSON", "LENGTH_REQUIRED", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")


@dataclass(frozen=True, slots=True)
class Link:
    """Where an answer leads: the operation, and its path's parameters by a runtime expression."""

    operation: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `schema` describes `data` of the envelope, `raw` a body that has none; both None: no body."""

    status: int
    about: str
    schema: type[Schema] | None = None
    example: Any = None
    raw: Mapping[str, Any] | None = None
    mimetype: str = "application/json"
    headers: tuple[str, ...] = ()
    may_have: tuple[str, ...] = ()
    or_else: type[Schema] | None = None  # `data` may have this shape instead
    links: tuple[Link, ...] = ()
    also: Mapping[str, str] = field(default_factory=dict)  # other media types, each with an example


@dataclass(frozen=True, slots=True)
class Batch:
    """A body that is judged record by record: what does not fit `record` is skipped, and the rest is applied."""

    name: str
    record: type[Schema]
    example: Any
    is_plugin: bool = True


@dataclass(frozen=True, slots=True)
class Body:
    """A body that is judged as a whole. `required` False: none at all means an empty object."""

    schema: type[RequestSchema]
    example: Any
    required: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `places` are the parameters of the path; `errors` the codes that can be answered."""

    name: str
    method: Literal["get", "post", "put", "delete"]
    path: str
    tag: str
    summary: str
    about: str
    answers: tuple[Answer, ...]
    errors: tuple[str, ...]
    role: Role | None = "store"
    places: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    query: type[RequestSchema] | None = None
    headers: tuple[str, ...] = ()
    body: Batch | Body | None = None


def uuid_place(about: str) -> Mapping[str, Any]:
    return {"type": "string", "format": "uuid", "description": about}


def choice_place(*allowed: str) -> Mapping[str, Any]:
    return {"type": "string", "enum": list(allowed)}
