"""The statements of each entity's table, built from the fields of its record: a new field needs no change here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, LiteralString, get_args, get_type_hints
from uuid import UUID

from msgspec import NODEFAULT
from msgspec.structs import fields

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
class Stages:
    """`whole` has all columns of a record, `core` those without a default in it.

    Most plugins send only the core, and a COPY of twenty more columns of nulls would take a tenth of the time.
    """

    whole: Stage
    core: Stage
    optional: Callable[[Any], Any]  # the values of the other columns
    defaults: Any

    def fitting(self, records: Iterable[Any]) -> Stage:
        """The stage with all columns that one of these records has a value for."""
        if self.core is self.whole:
            return self.whole
        return self.whole if any(values != self.defaults for values in map(self.optional, records)) else self.core


@dataclass(frozen=True, slots=True)
class LineStatements:
    """The statements of a table whose rows are replaced as a whole with their record."""

    lines: Lines
    stages: Stages
    delete: LiteralString


@dataclass(frozen=True, slots=True)
class TableStatements:
    """The statements of one entity. `links` update the tables that refer to it."""

    get_versions: LiteralString
    get_ids: LiteralString
    touch: LiteralString
    stages: Stages
    lines: tuple[LineStatements, ...]
    links: tuple[LiteralString, ...]


@cache
def statements_of(entity: EntityRecord) -> TableStatements:
    name = entity.name
    return TableStatements(
        get_versions=fill(SQL["get_versions"], table=name),
        get_ids=fill(SQL["get_ids"], table=name),
        touch=fill(SQL["touch"], table=name),
        stages=_stages(SQL["upsert"], name, entity.record, {"id": "uuid"}, entity.references, VERSION_COLUMNS),
        lines=tuple(map(_line_statements, entity.lines)),
        links=tuple(
            fill(SQL["link"], table=table, field=reference.field, column=reference.column)
            for table, reference in _referrers(name)
        ),
    )


def _line_statements(lines: Lines) -> LineStatements:
    first = {lines.owner: "uuid", "position": "integer"}
    return LineStatements(
        lines,
        _stages(SQL["insert_lines"], lines.table, lines.record, first, lines.references, {}),
        fill(SQL["delete_lines"], table=lines.table, owner=lines.owner),
    )


def _stages(
    write: LiteralString,
    table: str,
    record: type[Any],
    first: dict[str, str],
    references: tuple[Reference, ...],
    last: dict[str, str],
) -> Stages:
    own = _columns(record)
    ids = {reference.column: "uuid" for reference in references}
    # EXCLUDED has the default of a column that is not inserted, so a core record clears what a whole one has set.
    changes = [name for name in (*first, *own, *ids, *last) if name not in ("id", "external_id")]
    assignments = ", ".join(f"{name} = EXCLUDED.{name}" for name in changes)

    def stage(kept: dict[str, str]) -> Stage:
        return _stage(write, table, {**first, **kept, **ids, **last}, assignments, _values(record, kept))

    # Also of lists, which have no column: a core record has no rows of such a list either.
    defaults = {field.name: field.default for field in fields(record) if field.default is not NODEFAULT}
    whole = stage(own)
    core = stage({name: kind for name, kind in own.items() if name not in defaults}) if defaults else whole
    values = tuple(defaults.values())
    return Stages(whole, core, attrgetter(*defaults) if defaults else lambda _record: (), values)


def _values(record: type[Any], columns: dict[str, str]) -> Callable[[Any], Row]:
    attributes = [_renamed(record).get(name, name) for name in columns]
    return attrgetter(*attributes)


def _stage(
    write: LiteralString, table: str, columns: dict[str, str], assignments: str, values: Callable[[Any], Row]
) -> Stage:
    is_versioned = "accepted_seq" in columns
    staged = {**BEGIN, **columns, **(HASH_COLUMN if is_versioned else {}), **END}
    definitions = ", ".join(f"{name} {kind}" for name, kind in staged.items())
    # Named after its columns: a pooler may hand out a connection that still has the stage of an older release.
    stage = f"staged_{table}_{hashlib.blake2b(definitions.encode(), digest_size=4).hexdigest()}"
    return Stage(
        create=fill(SQL["create_stage"], stage=stage, definitions=definitions),
        copy=fill(SQL["copy_stage"], stage=stage, columns=", ".join(staged)),
        write=fill(write, table=table, stage=stage, columns=", ".join(columns), assignments=assignments),
        values=values,
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
        found += [(lines.table, reference) for lines in entity.lines for reference in lines.references]
    return [(table, reference) for table, reference in found if reference.entity == name]
