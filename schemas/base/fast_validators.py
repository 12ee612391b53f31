"""Compiles a schema into one plain function that loads a valid record several times faster than marshmallow.

The function returns the record that marshmallow would make, or None: then marshmallow decides, and names the problems. It
never accepts more than marshmallow does, which tests prove. Each field contributes its own lines (`ContractField.fast_check`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as dataclass_fields
from typing import Any

from marshmallow import Schema, fields

from schemas.base.contract_field import ContractField, FastCheck

FastLoad = Callable[[Any], Any]


def compile_schema(schema: Schema, record: type[Any]) -> FastLoad:
    """A function from payload to `record`. It returns None for every payload if a field has no fast check."""
    names: dict[str, Any] = {"Record": record}
    lines = ["def fast_load(payload):", "    if type(payload) is not dict: return None", "    get = payload.get"]
    for name, field in schema.fields.items():
        variable = f"v_{name}"  # the prefix keeps a field `type` off the builtin
        check = _check_of(field, variable)
        names |= check.names
        lines.append(f"    {variable} = get({field.data_key or name!r})")
        lines += ["    " + line for line in check.lines]
    lines.append(f"    return Record({', '.join(f'{part.name}=v_{part.name}' for part in dataclass_fields(record))})")
    exec("\n".join(lines), names)  # noqa: S102 - the source is made of our own schemas' names, never of input
    compiled: FastLoad = names["fast_load"]
    return compiled


def _check_of(field: fields.Field[Any], variable: str) -> FastCheck:
    if not isinstance(field, ContractField):
        return FastCheck(["return None"])
    check = field.fast_check(variable)
    if field.required:
        return check
    lines = ["    " + line for line in check.lines]
    if field.fast_absent == "None":
        return FastCheck([f"if {variable} is not None:", *lines], check.names)
    return FastCheck([f"if {variable} is None: {variable} = {field.fast_absent}", "else:", *lines], check.names)
