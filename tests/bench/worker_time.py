"""Whole worker time per order, payload to commit, against plain COPY of the same rows into the same tables."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from uuid import UUID

from psycopg import Connection, sql

from tests.bench.report import Row
from tests.bench.world import World, orders
from tests.support.pipeline import accept_batch
from workers.inbound.process import Outcome, process

BATCH = 1000
TABLES = ("orders", "order_items", "order_refunds", "order_refund_items")
ASKED = {"new": 2.0, "changed": 2.3, "unchanged": 0.8}
ASKED_WIDE = {"new": 2.5, "changed": 3.0, "unchanged": 0.8}


@dataclass(frozen=True)
class WorkerFigures:
    """Microseconds per order, medians over the runs; WAL in bytes per batch of unchanged records."""

    floor: float
    new: float
    changed: float
    unchanged: float
    unchanged_wal: float


def measure(world: World, runs: int, *, wide: bool = False) -> WorkerFigures:
    """Interleaved: each run measures all four, so that a slow minute of the machine hits them alike.

    `wide`: orders with all that the contract knows, and one refund in ten.
    """
    figures: list[tuple[float, float, float, float, float]] = []
    with world.superuser() as conn:
        warm = world.new_store()  # caches and prepared statements
        _work(world, warm, 0, wide=wide)
        _floor(world, conn, warm)
        for _ in range(runs):
            store_id = world.new_store()
            new = _work(world, store_id, 0, wide=wide)
            changed = _work(world, store_id, 1, wide=wide)
            unchanged = _work(world, store_id, 1, wide=wide)
            floor = _floor(world, conn, store_id)
            figures.append((floor, new.microseconds, changed.microseconds, unchanged.microseconds, unchanged.wal))
    return WorkerFigures(*(median(column) for column in zip(*figures, strict=True)))


@dataclass(frozen=True)
class Work:
    """One batch, processed: per order, and in bytes of WAL from claim to commit."""

    microseconds: float
    wal: float


def _work(world: World, store_id: UUID, version: int, *, wide: bool) -> Work:
    log_id = accept_batch(world.runtime, store_id, "orders", orders(BATCH, version=version, wide=wide))
    with world.superuser() as conn:
        before = _wal(conn)
        began = time.perf_counter()
        outcome = process(world.runtime, store_id, log_id)
        seconds = time.perf_counter() - began
        assert outcome is Outcome.COMPLETED
        return Work(seconds / BATCH * 1e6, float(_wal(conn) - before))


def _floor(world: World, conn: Connection, source: UUID) -> float:
    """COPY the rows of a store into a new store: same tables, same indexes and keys, no conflict handling."""
    target = world.new_store()
    texts = {table: _rows_of(conn, table, source, target) for table in TABLES}
    began = time.perf_counter()
    with conn.transaction():
        for table, (columns, text) in texts.items():
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
            with conn.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(text)
    return (time.perf_counter() - began) / BATCH * 1e6


def _rows_of(conn: Connection, table: str, source: UUID, target: UUID) -> tuple[sql.Composed, bytes]:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
    names = [row[0] for row in conn.execute(query, (table,))]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    picked = sql.SQL(", ").join(
        sql.Literal(str(target)) if name == "store_id" else sql.Identifier(name) for name in names
    )
    select = sql.SQL("COPY (SELECT {} FROM {} WHERE store_id = {}) TO STDOUT").format(
        picked, sql.Identifier(table), sql.Literal(str(source))
    )
    with conn.cursor() as cursor, cursor.copy(select) as copy:
        return columns, b"".join(bytes(part) for part in copy)


def rows(figures: WorkerFigures, wide: WorkerFigures) -> list[Row]:
    return [
        *(_row(figures, kind, asked, "") for kind, asked in ASKED.items()),
        Row("unchanged orders beside new ones", "", "", f"{figures.unchanged / figures.new:.2f}"),
        Row("WAL of processing 1,000 unchanged orders", f"{figures.unchanged_wal:.0f} bytes"),
        *(_row(wide, kind, asked, "wide ") for kind, asked in ASKED_WIDE.items()),
    ]


def _row(figures: WorkerFigures, kind: str, asked: float, width: str) -> Row:
    measured: float = getattr(figures, kind)
    return Row(
        f"worker, {kind} {width}orders (1,000 with 3 items), beside plain COPY",
        f"{measured:.0f} µs/order",
        f"{figures.floor:.0f} µs/order",
        f"{measured / figures.floor:.2f}",
        f"≤ {asked:g}",
    )


def _wal(conn: Connection) -> int:
    row = conn.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])
