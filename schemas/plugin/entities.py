"""The entities of the plugin contract: names, schemas, and the shapes that msgspec reads them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields

from schemas.base.error_codes import Problem, problems
from schemas.base.fast_validators import FastLoad, compile_schema
from schemas.base.fields import RecordSchema
from schemas.plugin import categories, customers, orders, products
from schemas.records.entities import ENTITY_RECORDS
from schemas.records.shop import Record

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity. `name` is used in envelope and URL; `id_field` is the name of the external id in a record.

    The contract shows `example` as a record of a batch.
    """

    name: str
    id_field: str
    schema: RecordSchema
    example: dict[str, Any]
    known_fields: frozenset[str]
    fast_load: FastLoad
    lists: dict[str, frozenset[str]]  # by name of a list field, the known fields of its entries
    shape: type[msgspec.Struct]  # the known fields, unread: msgspec drops all others
    known_shape: type[msgspec.Struct]  # the known fields as scalars: msgspec refuses a record with other fields


def _names(schema: Schema) -> tuple[str, ...]:
    # In the contract's order: msgspec looks for the next name first.
    return tuple(field.data_key or name for name, field in schema.fields.items())


def _nested(schema: Schema) -> dict[str, Schema]:
    return {
        field.data_key or name: field.inner.schema
        for name, field in schema.fields.items()
        if isinstance(field, fields.List) and isinstance(field.inner, fields.Nested)
    }


def _shape(name: str, schema: Schema) -> type[msgspec.Struct]:
    nested = _nested(schema)
    unread: list[tuple[str, Any, Any]] = []
    for field in _names(schema):
        kind: Any = msgspec.Raw
        if field in nested:
            kind = list[_shape(f"{name}_{field}", nested[field])] | None  # type: ignore[misc]  # made at run time
        unread.append((field, kind | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(name, unread, gc=False)


def _known_shape(name: str, schema: Schema) -> type[msgspec.Struct]:
    nested = _nested(schema)
    scalars: list[tuple[str, Any, Any]] = []
    for field in _names(schema):
        kind: Any = Scalar
        if field in nested:
            kind = list[_known_shape(f"{name}_{field}", nested[field])] | None  # type: ignore[misc]  # made at run time
        scalars.append((field, kind, None))
    return msgspec.defstruct(name, scalars, gc=False, forbid_unknown_fields=True)


def _entity(name: str, schema: RecordSchema, example: dict[str, Any]) -> Entity:
    return Entity(
        name=name,
        id_field=str(schema.fields["external_id"].data_key),
        schema=schema,
        example=example,
        fast_load=compile_schema(schema, ENTITY_RECORDS[name].record),
        known_fields=frozenset(_names(schema)),
        lists={field: frozenset(_names(inner)) for field, inner in _nested(schema).items()},
        shape=_shape(name, schema),
        known_shape=_known_shape(name, schema),
    )


ORDERS = _entity("orders", orders.OrderSchema(), orders.EXAMPLE)
PRODUCTS = _entity("products", products.ProductSchema(), products.EXAMPLE)
CUSTOMERS = _entity("customers", customers.CustomerSchema(), customers.EXAMPLE)
CATEGORIES = _entity("categories", categories.CategorySchema(), categories.EXAMPLE)
ENTITIES = {entity.name: entity for entity in (ORDERS, PRODUCTS, CUSTOMERS, CATEGORIES)}


def load_record(entity: Entity, payload: Any) -> Record | list[Problem]:
    """Validate one record of a batch: the plain record, or its problems. Never raises for bad input."""
    record: Record | None = entity.fast_load(payload)
    return record if record is not None else load_strictly(entity, payload)


def load_strictly(entity: Entity, payload: Any) -> Record | list[Problem]:
    """Validate with marshmallow alone, which names the problems."""
    try:
        record: Record = entity.schema.load(payload)
    except ValidationError as error:
        return problems({"_schema": error.messages} if isinstance(error.messages, list) else error.messages)
    return record


def external_id(entity: Entity, payload: Any) -> str | None:
    """The external id of a refused record, if it may be shown."""
    return plain_id(payload.get(entity.id_field)) if isinstance(payload, dict) else None


def plain_id(value: Any) -> str | None:
    """The digits of a numeric id, without leading zeros; None for any other text, which may be personal data."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    digits = text.removeprefix("-")
    return str(int(text)) if digits.isascii() and digits.isdecimal() and len(text) <= 30 else None
