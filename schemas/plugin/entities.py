"""The entities of the plugin contract: names, schemas, and the shapes that msgspec reads them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError, fields

from schemas.base.error_codes import Problem, problems_of
from schemas.base.fast_records import FastReader, shape_of
from schemas.base.fields import Records, RecordSchema, reader_of
from schemas.plugin import categories, customers, orders, products, refunds, variations
from schemas.records.shop import Record


@dataclass(frozen=True, slots=True)
class KnownFields:
    """The names of a record's fields, and for each list those of its entries. `attributes` name the lists in our structs."""

    names: frozenset[str]
    lists: dict[str, KnownFields]
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity. `name` is used in envelope and URL; `id_field` is the name of the external id in a record.

    The contract shows `example` as a record of a batch.
    """

    name: str
    id_field: str
    schema: RecordSchema
    example: dict[str, Any]
    fields: KnownFields
    reader: FastReader
    unread: type[msgspec.Struct]  # the known fields, unread: msgspec drops all others

    @property
    def known_fields(self) -> frozenset[str]:
        return self.fields.names

    @property
    def lists(self) -> dict[str, KnownFields]:
        return self.fields.lists


def _known(schema: Schema) -> KnownFields:
    lists = {name: field for name, field in schema.fields.items() if isinstance(field, Records)}
    return KnownFields(
        names=frozenset(field.data_key or name for name, field in schema.fields.items()),
        lists={field.data_key or name: _known(field.entry_schema) for name, field in lists.items()},
        attributes={field.data_key or name: name for name, field in lists.items()},
    )


def _unread(field: fields.Field[Any]) -> tuple[Any, Any]:
    kind: Any = msgspec.Raw
    if isinstance(field, Records):
        kind = list[shape_of(field.entry_schema, _unread)] | None  # type: ignore[misc]  # made at run time
    return kind | msgspec.UnsetType, msgspec.UNSET


def _entity(name: str, schema: RecordSchema, example: dict[str, Any]) -> Entity:
    return Entity(
        name=name,
        id_field=str(schema.fields["external_id"].data_key),
        schema=schema,
        example=example,
        fields=_known(schema),
        reader=reader_of(schema),
        unread=shape_of(schema, _unread),
    )


ORDERS = _entity("orders", orders.OrderSchema(), orders.EXAMPLE)
PRODUCTS = _entity("products", products.ProductSchema(), products.EXAMPLE)
CUSTOMERS = _entity("customers", customers.CustomerSchema(), customers.EXAMPLE)
CATEGORIES = _entity("categories", categories.CategorySchema(), categories.EXAMPLE)
VARIATIONS = _entity("variations", variations.VariationSchema(), variations.EXAMPLE)
REFUNDS = _entity("refunds", refunds.OrderRefundSchema(), refunds.EXAMPLE)
ENTITIES = {entity.name: entity for entity in (ORDERS, REFUNDS, PRODUCTS, VARIATIONS, CUSTOMERS, CATEGORIES)}


def load_record(entity: Entity, payload: Any) -> Record | list[Problem]:
    """Validate one record of a batch: the plain record, or its problems. Never raises for bad input."""
    record: Record | None = entity.reader.read_one(payload)
    return record if record is not None else load_strictly(entity, payload)


def load_strictly(entity: Entity, payload: Any) -> Record | list[Problem]:
    """Validate with marshmallow alone, which names the problems."""
    try:
        record: Record = entity.schema.load(payload)
    except ValidationError as error:
        return problems_of(error)
    return record


def external_id(entity: Entity, payload: Any) -> str | None:
    """The external id of a refused record, if it may be shown."""
    return plain_id(payload.get(entity.id_field)) if isinstance(payload, dict) else None


def plain_id(value: Any) -> str | None:
    """The digits of a numeric id, without leading zeros; None for any other text, which may be personal data."""
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    digits = text.removeprefix("-")
    return str(int(text)) if digits.isascii() and digits.isdecimal() and len(text) <= 30 else None
