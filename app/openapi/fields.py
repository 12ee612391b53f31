"""apispec's hook for our own marshmallow fields: each field provides its JSON Schema.

apispec adds the rest (nesting, lists, defaults). A schema describes the plain form of a value. Other forms that are accepted
for PHP plugins, such as blanks around a number or an empty string for no value, are not listed.
"""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from schemas.base.contract_field import ContractField, JsonSchema


def describe(_converter: Any, field: fields.Field[Any], **_kwargs: Any) -> JsonSchema:
    """The attributes that apispec adds to a field's own; empty for marshmallow's fields."""
    schema = field.json_schema() if isinstance(field, ContractField) else {}
    return or_null(schema) if field.allow_none else schema


def or_null(schema: JsonSchema) -> JsonSchema:
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return schema | {"type": ["string", "null"], "enum": [*schema["enum"], None]}
    return schema | ({"type": [schema["type"], "null"]} if "type" in schema else {})
