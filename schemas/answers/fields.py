"""The fields of answers: each is always there, and may be null only where it says so."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate


class AnswerSchema(Schema):
    """An object of an answer: these fields and no others."""


def text(about: str = "", *, nullable: bool = False) -> fields.String:
    return fields.String(required=True, allow_none=nullable, metadata=_said(about))


def word(*allowed: str, about: str = "", nullable: bool = False) -> fields.String:
    """One of a closed set."""
    known: list[str | None] = [*allowed, None] if nullable else [*allowed]
    return fields.String(required=True, allow_none=nullable, validate=validate.OneOf(known), metadata=_said(about))


def uuid(about: str = "", *, nullable: bool = False) -> fields.UUID:
    return fields.UUID(required=True, allow_none=nullable, metadata=_said(about))


def when(about: str = "", *, nullable: bool = False) -> fields.DateTime:
    return fields.DateTime(required=True, allow_none=nullable, metadata=_said(about))


def count(about: str = "", *, nullable: bool = False) -> fields.Integer:
    """A whole number from 0."""
    return fields.Integer(
        required=True, allow_none=nullable, strict=True, validate=validate.Range(min=0), metadata=_said(about)
    )


def rate(about: str = "", *, nullable: bool = False) -> fields.Float:
    return fields.Float(required=True, allow_none=nullable, validate=validate.Range(min=0), metadata=_said(about))


def truth(about: str = "", *, nullable: bool = False) -> fields.Boolean:
    return fields.Boolean(required=True, allow_none=nullable, metadata=_said(about))


def one(schema: type[Schema], about: str = "", *, nullable: bool = False) -> fields.Nested:
    return fields.Nested(schema, required=True, allow_none=nullable, metadata=_said(about))


def several(schema: type[Schema], about: str = "") -> fields.List[Any]:
    return fields.List(fields.Nested(schema), required=True, metadata=_said(about))


def counts_by_name(about: str = "") -> fields.Dict:
    """Whole numbers by a name."""
    return fields.Dict(keys=fields.String(), values=count(), required=True, metadata=_said(about))


def free(about: str = "", *, nullable: bool = False) -> fields.Dict:
    """An object whose fields depend on the case."""
    return fields.Dict(required=True, allow_none=nullable, metadata=_said(about))


def _said(about: str) -> dict[str, str]:
    return {"description": about} if about else {}
