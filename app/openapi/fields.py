"""JSON Schema of our own marshmallow fields, as narrow as a schema can be.

apispec does the rest: nesting, lists, null, defaults. A record's schema names the plain form of a value; other forms that are
accepted from PHP (blanks around a number, an empty text for none) are not listed.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from marshmallow import fields

from schemas.base import fields as ours
from schemas.erp import payloads as erp
from schemas.requests.audit import PointInTime
from schemas.requests.fields import Choice, QueryUuid, Truth, Whole, Words
from schemas.requests.lists import Cursor
from schemas.requests.outbound import Entries, Moment

JsonSchema = dict[str, Any]

DIGITS = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$"}
DIGITS_OR_ZERO = {"type": "string", "pattern": "^[0-9]{1,18}$"}
SIGNED_DIGITS = {"type": "string", "pattern": "^-?[0-9]{1,9}$"}
AMOUNT = {"type": "string", "pattern": r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$"}
AMOUNT_FROM_ZERO = {"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,6})?$"}
BLANK = r"\s\u0000\u001c-\u001f\u0085"  # what Python strips as blank, and NUL
MOST_AMOUNT = 99_999_999_999_999
MOMENT: JsonSchema = {
    "type": "string",
    "format": "date-time",
    "pattern": "^[1-9][0-9]{3}-",
    "description": "ISO 8601, between the years 1000 and 9999; without a zone it is UTC",
}


@singledispatch
def schema_of(_field: fields.Field[Any]) -> JsonSchema | None:
    """What a field of ours accepts; None for one that apispec knows."""
    return None


@schema_of.register
def _(field: ours.Text) -> JsonSchema:
    # Without NUL, which PostgreSQL can't store; of what is not blank at least one character is visible.
    pattern = r"^([^\u0000]+)?$" if field.blank else rf"^[^\u0000]*[^{BLANK}][^\u0000]*$"
    return {"type": "string", "maxLength": field.longest, "pattern": pattern}


@schema_of.register
def _(field: erp.Sku) -> JsonSchema:
    pattern = rf"^[^,<{BLANK}]([^,<\u0000]*[^,<{BLANK}])?$"
    return {"type": "string", "maxLength": field.longest, "pattern": pattern}


@schema_of.register
def _(field: erp.ImageUrl) -> JsonSchema:
    no_address = r"(?!.*(@|%(25)*40|&(#|amp;|commat)|\\[ux]))"
    pattern = rf"^{no_address}https?://[A-Za-z0-9.-]+(:[0-9]{{1,5}})?(/[!-~]*)?$"
    return {"type": "string", "format": "uri", "maxLength": field.longest, "pattern": pattern}


@schema_of.register
def _(_field: ours.ExternalId) -> JsonSchema:
    return _number(1, ours.BIGINT_MAX, DIGITS)


@schema_of.register(ours.Reference)
@schema_of.register(ours.Count)
def _(_field: fields.Field[Any]) -> JsonSchema:
    return _number(0, ours.BIGINT_MAX, DIGITS_OR_ZERO)


@schema_of.register
def _(_field: erp.Pieces) -> JsonSchema:
    return _number(-erp.MOST_PIECES, erp.MOST_PIECES, SIGNED_DIGITS)


@schema_of.register
def _(_field: ours.Money) -> JsonSchema:
    return _amount(-MOST_AMOUNT, AMOUNT)


@schema_of.register
def _(_field: erp.Price) -> JsonSchema:
    return _amount(0, AMOUNT_FROM_ZERO)


@schema_of.register(ours.Timestamp)
@schema_of.register(Moment)
@schema_of.register(PointInTime)
def _(_field: fields.Field[Any]) -> JsonSchema:
    return MOMENT


@schema_of.register
def _(_field: ours.EmailHash) -> JsonSchema:
    return {"type": "string", "description": "an e-mail address; only its hash is kept"}


@schema_of.register(erp.Id)
@schema_of.register(QueryUuid)
def _(_field: fields.Field[Any]) -> JsonSchema:
    return {"type": "string", "format": "uuid"}


@schema_of.register(erp.Flag)
@schema_of.register(Truth)
def _(_field: fields.Field[Any]) -> JsonSchema:
    return {"type": "boolean"}


@schema_of.register(ours.Records)
@schema_of.register(erp.Several)
def _(field: ours.Records | erp.Several) -> JsonSchema:
    return {"maxItems": field.most}


@schema_of.register
def _(field: Choice) -> JsonSchema:
    return {"type": "string", "enum": list(field.allowed)}


@schema_of.register
def _(field: Whole) -> JsonSchema:
    return {"type": "integer", "minimum": field.least, "maximum": field.most}


@schema_of.register
def _(field: Cursor) -> JsonSchema:
    return {"type": "string", "pattern": f"^{field.pattern}$", "description": "`nextCursor` of the page before"}


@schema_of.register
def _(field: Words) -> JsonSchema:
    return {"type": "string"} | ({"pattern": field.pattern} if field.pattern else {})


@schema_of.register
def _(_field: Entries) -> JsonSchema:
    return {"type": "array"}


def _number(least: int, most: int, digits: JsonSchema) -> JsonSchema:
    return {"anyOf": [{"type": "integer", "minimum": least, "maximum": most}, digits]}


def _amount(least: int, digits: JsonSchema) -> JsonSchema:
    return {"anyOf": [{"type": "number", "minimum": least, "maximum": MOST_AMOUNT}, digits]}


def or_null(schema: JsonSchema) -> JsonSchema:
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return schema | {"type": ["string", "null"], "enum": [*schema["enum"], None]}
    return schema | ({"type": [schema["type"], "null"]} if "type" in schema else {})


def describe(_converter: Any, field: fields.Field[Any], **_kwargs: Any) -> JsonSchema:
    """apispec's hook: adds to its own description of a field."""
    schema = schema_of(field)
    if schema is None:
        return {}
    return or_null(schema) if field.allow_none else schema
