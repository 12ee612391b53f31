"""What the four entity tables share: versions, rows ready to be written, staging by COPY, and the locks between kinds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar
from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """What is known of a stored row before a batch is written."""

    id: UUID
    source_updated_at: datetime
    accepted_seq: int
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Versioned(Generic[R]):
    """A record with its version: (source_updated_at, the log's accepted_seq). `index` is its place in the batch."""

    index: int
    record: R
    source_updated_at: datetime
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Write(Generic[R]):
    """A record to be written, under the id it has or will have."""

    id: UUID
    is_new: bool
    versioned: Versioned[R]


class ConcurrentChange(Exception):
    """Another transaction changed a row between the plan and the write: roll back, plan anew. Nothing is wrong."""


def read_versions(
    conn: Connection, query: LiteralString, store_id: UUID, keys: Sequence[int]
) -> dict[int, StoredVersion]:
    """The stored versions by natural key. The query yields key, id, source_updated_at, accepted_seq, content_hash."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(query, {"store_id": store_id, "keys": list(keys)}).fetchall()
    return {row[0]: StoredVersion(*row[1:]) for row in rows}


def read_ids(
    conn: Connection, query: LiteralString, store_id: UUID, keys: Iterable[int | None]
) -> dict[int | None, UUID]:
    """Natural key to id, for those of `keys` that are stored; asks nothing where there is nothing to ask."""
    wanted = sorted({key for key in keys if key is not None})
    if not wanted:
        return {}
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(query, {"store_id": store_id, "keys": wanted}).fetchall())


def copy_rows(conn: Connection, copy: LiteralString, rows: Iterable[Sequence[Any]]) -> None:
    """Stage rows in a temporary table that empties itself when the transaction ends."""
    with conn.cursor() as cursor, cursor.copy(copy) as stream:
        for row in rows:
            stream.write_row(row)


def write_staged(conn: Connection, upsert: LiteralString, store_id: UUID, writes: Sequence[Write[Any]]) -> None:
    """Upsert what was staged. Raises ConcurrentChange where a row was not written under the id that was planned."""
    written = {row[0] for row in conn.execute(upsert, {"store_id": store_id}).fetchall()}
    if len(written) != len(writes) or any(write.id not in written for write in writes):
        raise ConcurrentChange


def touch_versions(
    conn: Connection, query: LiteralString, store_id: UUID, accepted_seq: int, rows: Sequence[tuple[int, datetime]]
) -> None:
    """Raise the version of unchanged rows, given as (natural key, source_updated_at), never lower it."""
    parameters = {
        "store_id": store_id,
        "accepted_seq": accepted_seq,
        "keys": [key for key, _ in rows],
        "times": [moment for _, moment in rows],
    }
    conn.execute(query, parameters)


def lock_shared(conn: Connection, store_id: UUID, kind: str) -> None:
    """Held by those who refer to rows of `kind`, until the transaction ends: no new row of that kind appears meanwhile."""
    conn.execute(SQL["lock_shared"], {"store_id": store_id, "kind": kind})


def lock_exclusive(conn: Connection, store_id: UUID, kind: str) -> None:
    """Held by those who add rows of `kind`: whoever refers to them has committed and is seen, or waits and will see.

    Taken in one order by all: categories, products, customers.
    """
    conn.execute(SQL["lock_exclusive"], {"store_id": store_id, "kind": kind})


def link(conn: Connection, query: LiteralString, store_id: UUID, writes: Sequence[Write[Any]]) -> None:
    """Complete the references that waited for the new rows among `writes`."""
    new = [write for write in writes if write.is_new]
    if new:
        keys = [write.versioned.record.key for write in new]
        conn.execute(query, {"store_id": store_id, "keys": keys, "ids": [write.id for write in new]})
