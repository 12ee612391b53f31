"""Writes records as a set: COPY into a temporary table, one upsert, then links from both sides.

Every function takes the entity's descriptor; its statements come from `statements_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from db.catalogue.copy_lines import BRACKET, copy_lines
from db.catalogue.statements import LineStatements, Row, Stage, statements_of
from db.core.sql import queries
from schemas.records.entities import ENTITY_RECORDS, EntityRecord, Reference

SQL = queries(__file__)

R = TypeVar("R")
Ids = Mapping[int | None, UUID]


class StoredVersion(Struct, frozen=True, gc=False):
    """The version of a stored row before a batch is written."""

    id: UUID
    source_updated_at: datetime
    accepted_seq: int
    content_hash: bytes


class Versioned(Struct, Generic[R], frozen=True, gc=False):
    """A record with its version: (source_updated_at, the log's accepted_seq). `index` is its place in the batch."""

    index: int
    record: R
    source_updated_at: datetime
    content_hash: bytes


class Write(Struct, Generic[R], frozen=True, gc=False):
    """A record to write, under its present or new id."""

    id: UUID
    is_new: bool
    versioned: Versioned[R]


class ConcurrentChange(Exception):
    """Another transaction changed a row between plan and write: roll back and plan again."""


def get_versions(
    conn: Connection, store_id: UUID, entity: EntityRecord, keys: Sequence[int]
) -> dict[int, StoredVersion]:
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(statements_of(entity).get_versions, {"store_id": store_id, "keys": list(keys)}).fetchall()
    return {row[0]: StoredVersion(*row[1:]) for row in rows}


def touch(
    conn: Connection, store_id: UUID, entity: EntityRecord, accepted_seq: int, rows: Sequence[tuple[int, datetime]]
) -> None:
    """Raise the version of unchanged rows, given as (external id, source_updated_at); never lowers one."""
    parameters = {
        "store_id": store_id,
        "accepted_seq": accepted_seq,
        "keys": [key for key, _ in rows],
        "times": [moment for _, moment in rows],
    }
    conn.execute(statements_of(entity).touch, parameters)


def upsert(
    conn: Connection, store_id: UUID, entity: EntityRecord, accepted_seq: int, writes: Sequence[Write[Any]]
) -> None:
    """Write records with their lines, and complete the references that waited for the new ones.

    Raises ConcurrentChange if a row was not written under the planned id.
    """
    table = statements_of(entity)
    new = [write for write in writes if write.is_new]
    _lock(conn, store_id, entity, adds_rows=bool(new))
    records = [write.versioned.record for write in writes]
    ids = [_get_ids(conn, store_id, reference, records) for reference in entity.references]
    stage = table.stages.fitting(records)
    _copy(conn, stage, _rows(stage, entity.references, ids, writes, accepted_seq))
    if conn.execute(stage.write, {"store_id": store_id}).rowcount != len(writes):
        raise ConcurrentChange
    known = [write.id for write in writes if not write.is_new]
    for lines in table.lines:
        if known:
            conn.execute(lines.delete, {"store_id": store_id, "owners": known})
        if stage is table.stages.whole or not lines.lines.is_optional:
            _insert_lines(conn, store_id, lines, writes)
    if new:
        arrived = {
            "store_id": store_id,
            "keys": [write.versioned.record.external_id for write in new],
            "ids": [write.id for write in new],
        }
        for link in table.links:
            conn.execute(link, arrived)


def _lock(conn: Connection, store_id: UUID, entity: EntityRecord, *, adds_rows: bool) -> None:
    # A transaction that adds rows of an entity excludes those that refer to it: they have committed and are linked, or wait and
    # see the new rows. All transactions take the locks in the order of ENTITY_RECORDS, so they can't deadlock.
    references = (*entity.references, *chain.from_iterable(lines.references for lines in entity.lines))
    referred = {reference.entity for reference in references}
    for name in ENTITY_RECORDS:
        if name == entity.name and adds_rows and statements_of(entity).links:
            conn.execute(SQL["lock_exclusive"], {"store_id": store_id, "entity": name})
        elif name in referred:
            conn.execute(SQL["lock_shared"], {"store_id": store_id, "entity": name})


def _get_ids(conn: Connection, store_id: UUID, reference: Reference, records: Iterable[Any]) -> Ids:
    wanted = sorted({key for record in records if (key := getattr(record, reference.field)) is not None})
    if not wanted:
        return {}
    query = statements_of(ENTITY_RECORDS[reference.entity]).get_ids
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(query, {"store_id": store_id, "keys": wanted}).fetchall())


def _rows(
    stage: Stage, references: Sequence[Reference], ids: Sequence[Ids], writes: Sequence[Write[Any]], accepted_seq: int
) -> Iterator[Row]:
    records = [write.versioned.record for write in writes]
    for write, values, resolved in zip(
        writes, map(stage.values, records), _resolved(references, ids, records), strict=True
    ):
        versioned = write.versioned
        version = (versioned.source_updated_at, accepted_seq, versioned.content_hash)
        yield (BRACKET, write.id, *values, *resolved, *version, BRACKET)


def _resolved(references: Sequence[Reference], ids: Sequence[Ids], records: Sequence[Any]) -> Iterable[Row]:
    if not references:
        return repeat((), len(records))
    # Column by column: a loop over each line of each order would be slower.
    columns = [
        map(known.get, map(attrgetter(reference.field), records))
        for reference, known in zip(references, ids, strict=True)
    ]
    return zip(*columns, strict=True)


def _copy(conn: Connection, stage: Stage, rows: Iterable[Row]) -> None:
    conn.execute(stage.create)
    with conn.cursor() as cursor, cursor.copy(stage.copy) as stream:
        stream.write(copy_lines(rows))


def _insert_lines(conn: Connection, store_id: UUID, table: LineStatements, writes: Sequence[Write[Any]]) -> None:
    lines = table.lines
    placed = [(write.id, *place) for write in writes for place in enumerate(lines.rows(write.versioned.record))]
    if not placed:
        return
    all_lines = [line for _, _, line in placed]
    ids = [_get_ids(conn, store_id, reference, all_lines) for reference in lines.references]
    resolved = _resolved(lines.references, ids, all_lines)
    stage = table.stages.fitting(all_lines)
    rows = (
        (BRACKET, owner, position, *values, *found, BRACKET)
        for (owner, position, _), values, found in zip(placed, map(stage.values, all_lines), resolved, strict=True)
    )
    _copy(conn, stage, rows)
    conn.execute(stage.write, {"store_id": store_id})
