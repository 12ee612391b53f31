"""The statements of each entity's table, built from the fields of its record: a new field needs no change here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, LiteralString, get_args, get_type_hints
from uuid import UUID

from db.core.sql import fill, queries
from schemas.records.entities import ENTITY_RECORDS, EntityRecord, Lines, Reference

SQL = queries(__file__)
BEGIN, END = {"row_begin": "text"}, {"row_end": "text"}  # for the brackets of copy_lines.py
SQL_TYPES = {int: "bigint", Decimal: "numeric", str: "text", datetime: "timestamptz", bool: "boolean", UUID: "uuid"}
VERSION_COLUMNS = {"source_updated_at": "timestamptz", "accepted_seq": "bigint"}
HASH_COLUMN = {"content_hash": "text"}  # in base64

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """How records get into one table: the statements, and a record's values in the order of its columns."""

    create: LiteralString
    copy: LiteralString
    write: LiteralString
    values: Callable[[Any], Row]


@dataclass(frozen=True, slots=True)
class TableStatements:
    """The statements of one entity. `links` update the tables that refer to it."""

    get_versions: LiteralString
    get_ids: LiteralString
    touch: LiteralString
    stage: Stage
    lines: Stage | None
    delete_lines: LiteralString | None
    links: tuple[LiteralString, ...]


@cache
def statements_of(entity: EntityRecord) -> TableStatements:
    name = entity.name
    lines = entity.lines
    return TableStatements(
        get_versions=fill(SQL["get_versions"], table=name),
        get_ids=fill(SQL["get_ids"], table=name),
        touch=fill(SQL["touch"], table=name),
        stage=_stage(SQL["upsert"], name, entity.record, {"id": "uuid"}, entity.references, VERSION_COLUMNS),
        lines=_lines_stage(lines) if lines else None,
        delete_lines=fill(SQL["delete_lines"], table=lines.table, owner=lines.owner) if lines else None,
        links=tuple(
            fill(SQL["link"], table=table, field=reference.field, column=reference.column)
            for table, reference in _referrers(name)
        ),
    )


def _lines_stage(lines: Lines) -> Stage:
    first = {lines.owner: "uuid", "position": "integer"}
    return _stage(SQL["insert_lines"], lines.table, lines.record, first, lines.references, {})


def _stage(
    write: LiteralString,
    table: str,
    record: type[Any],
    first: dict[str, str],
    references: tuple[Reference, ...],
    last: dict[str, str],
) -> Stage:
    own = _columns(record)
    attributes = [_renamed(record).get(name, name) for name in own]
    columns = {**first, **own, **{reference.column: "uuid" for reference in references}, **last}
    staged = {**BEGIN, **columns, **(HASH_COLUMN if last else {}), **END}
    definitions = ", ".join(f"{name} {kind}" for name, kind in staged.items())
    # Named after its columns: a pooler may hand out a connection that still has the stage of an older release.
    stage = f"staged_{table}_{hashlib.blake2b(definitions.encode(), digest_size=4).hexdigest()}"
    names = ", ".join(columns)
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in ("id", "external_id"))
    return Stage(
        create=fill(SQL["create_stage"], stage=stage, definitions=definitions),
        copy=fill(SQL["copy_stage"], stage=stage, columns=", ".join(staged)),
        write=fill(write, table=table, stage=stage, columns=names, assignments=changes),
        values=attrgetter(*attributes),
    )


def _columns(record: type[Any]) -> dict[str, str]:
    hints = get_type_hints(record)
    kinds = {name: _sql_type(hints[name]) for name in record.__struct_fields__} | dict.fromkeys(
        _renamed(record), "text"
    )
    return {name: kind for name, kind in kinds.items() if kind is not None}


def _renamed(record: type[Any]) -> dict[str, str]:
    return getattr(record, "COLUMNS", {})


def _sql_type(hint: Any) -> str | None:
    # `int | None` is a nullable bigint; a tuple of lines has no column.
    plain = next((kind for kind in get_args(hint) if kind is not type(None)), hint)
    return SQL_TYPES.get(plain)


def _referrers(name: str) -> list[tuple[str, Reference]]:
    found = [(entity.name, reference) for entity in ENTITY_RECORDS.values() for reference in entity.references]
    for entity in ENTITY_RECORDS.values():
        if entity.lines:
            found += [(entity.lines.table, reference) for reference in entity.lines.references]
    return [(table, reference) for table, reference in found if reference.entity == name]
