"""Throughput of two ingest workers beside one, and how busy the cores were meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from uuid import UUID

import psycopg

from tests.bench.report import Row
from tests.bench.resident import IS_TOLD, busy_seconds, cpu_seconds
from tests.bench.world import World, orders
from tests.support.pipeline import accept_batch
from tests.support.waiting import wait_until

BATCH = 1000
BATCHES = 24
STORES = 4
CASES = ((1, 1), (2, 1), (1, STORES), (2, STORES))  # workers, stores


@dataclass(frozen=True)
class Run:
    """Orders a second, and how many cores' worth of time the workers and the whole machine spent (None: not told)."""

    rate: float
    worker_cores: float | None
    busy_cores: float | None


@dataclass(frozen=True)
class WorkersFigures:
    """The runs of each case, `workers x stores`."""

    runs: dict[str, list[Run]]


def measure(world: World, runs: int) -> WorkersFigures:
    found: dict[str, list[Run]] = {_name(*case): [] for case in CASES}
    for _ in range(runs):
        for workers, stores in CASES:
            found[_name(workers, stores)].append(_run(world, workers, stores))
    return WorkersFigures(found)


def _name(workers: int, stores: int) -> str:
    return f"{workers} x {stores}"


def _run(world: World, workers: int, stores: int) -> Run:
    """Accept all batches, let the workers take one each and stand before a lock, then take the lock and the time away."""
    accepted = _accept(world, stores)
    with ExitStack() as stack:
        with world.superuser() as gate, gate.transaction():
            gate.execute("LOCK TABLE sync_payloads IN ACCESS EXCLUSIVE MODE")
            processes = [stack.enter_context(world.worker()) for _ in range(workers)]
            wait_until(lambda: _held_up(world) == workers, 60, f"{workers} workers at work")
            spent, busy, began = _spent([process.pid for process in processes]), _busy(), time.perf_counter()
        wait_until(lambda: _completed(world) >= accepted, 300, "the batches")
        seconds = time.perf_counter() - began
        rate = BATCHES * BATCH / seconds
        if not IS_TOLD:
            return Run(rate, None, None)
        now = _spent([process.pid for process in processes])
        return Run(rate, (now - spent) / seconds, (_busy() - busy) / seconds)


def _accept(world: World, stores: int) -> int:
    """New orders for new stores, in turn; returns how many logs there will be completed in all."""
    ids = [world.new_store() for _ in range(stores)]
    already = _completed(world)
    for number in range(BATCHES):
        store_id: UUID = ids[number % stores]
        accept_batch(world.runtime, store_id, "orders", orders(BATCH, first=number * BATCH + 1))
    return already + BATCHES


def _completed(world: World) -> int:
    return _count(world, "SELECT count(*) FROM sync_logs WHERE status = 'completed'")


def _held_up(world: World) -> int:
    return _count(world, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sync_payloads'::regclass")


def _count(world: World, query: str) -> int:
    with psycopg.connect(world.postgres.superuser_url(world.database), autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def _spent(pids: list[int]) -> float:
    return cpu_seconds(pids) if IS_TOLD else 0.0


def _busy() -> float:
    return busy_seconds() if IS_TOLD else 0.0


def rows(figures: WorkersFigures) -> list[Row]:
    return [_row(figures, 1), _row(figures, STORES)]


def _row(figures: WorkersFigures, stores: int) -> Row:
    one, two = figures.runs[_name(1, stores)], figures.runs[_name(2, stores)]
    slow, fast = (median(run.rate for run in runs) for runs in (one, two))
    return Row(
        f"two workers beside one, {stores} store{'s' if stores > 1 else ''}",
        f"{fast:,.0f} orders/s{_cores(two)}",
        f"{slow:,.0f} orders/s{_cores(one)}",
        f"{fast / slow:.2f}",
    )


def _cores(runs: list[Run]) -> str:
    busy = [run.busy_cores for run in runs if run.busy_cores is not None]
    return f", {median(busy):.2f} cores busy" if busy else ""
