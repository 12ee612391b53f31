"""Worker time per new order beside dlt's merge and Meltano's target-postgres, interleaved, on one PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import quote
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.peers.process import Peer, is_installed, running
from tests.bench.report import Row
from tests.bench.world import World, orders
from tests.support.pipeline import accept_batch
from workers.inbound.process import Outcome, process

DATABASE = "peers"
BATCH = 1000  # Sluice takes a load of 20,000 as 20 batches
ITEMS = 3
LOADS_OF_A_RUN = (1_000, 1_000, 1_000, 20_000)
LOADS = sorted(set(LOADS_OF_A_RUN))
ASKED = {"dlt": {1_000: 6.0, 20_000: 3.5}, "target-postgres": {1_000: 5.0, 20_000: 5.0}}
ROWS_OF_AN_ORDER = {
    "sluice": {"orders": 1, "order_items": ITEMS},
    "dlt": {"dlt_orders.orders": 1, "dlt_orders.orders__items": ITEMS},
    "target-postgres": {"singer_orders.orders": 1},  # the lines stay one array in their order
}

Loader = Callable[[int, int], float]  # number of the first order and count to seconds


@dataclass(frozen=True)
class PeerFigures:
    """Microseconds per order by loader and size of a load, a figure a load; `stored` orders were counted in each."""

    loads: dict[str, dict[int, list[float]]]
    stored: int


def measure(world: World, runs: int) -> PeerFigures:
    """Each run loads new orders by Sluice and each peer in turn; a first run, for tables and caches, is not counted."""
    figures: dict[str, dict[int, list[float]]] = {}
    with _loaders(world) as loaders:
        stored = _load_all(loaders, 0, figures)
        _analyze(world)
        figures = {name: {load: [] for load in LOADS} for name in loaders}
        for _ in range(runs):
            stored = _load_all(loaders, stored, figures)
        for name in loaders:
            _check(world, name, stored)
    return PeerFigures(figures, stored)


def _load_all(loaders: dict[str, Loader], stored: int, figures: dict[str, dict[int, list[float]]]) -> int:
    for load in LOADS_OF_A_RUN:
        for name, loader in loaders.items():
            seconds = loader(stored + 1, load)
            if figures:
                figures[name][load].append(seconds / load * 1e6)
        stored += load
    return stored


@contextmanager
def _loaders(world: World) -> Iterator[dict[str, Loader]]:
    with world.superuser() as conn:
        conn.execute("CREATE DATABASE peers")
    folder = world.runtime.settings.data_dir
    known = conninfo_to_dict(world.postgres.superuser_url(DATABASE))
    login, host = f"{known['user']}:{known['password']}", str(known["host"])
    commands = {
        "dlt": ("dlt_driver.py", f"postgresql://{login}@{quote(host, safe='')}/{DATABASE}", str(folder / "dlt")),
        "target-postgres": (
            "singer_driver.py",
            f"postgresql+psycopg://{login}@/{DATABASE}?host={host}&port={known['port']}",
        ),
    }
    with ExitStack() as stack:
        loaders = {"sluice": _sluice(world)}
        for name, (driver, *arguments) in commands.items():
            if is_installed(name):
                loaders[name] = _peer(stack.enter_context(running(name, driver, folder, *arguments)), folder)
        yield loaders


def _sluice(world: World) -> Loader:
    store_id = world.new_store()

    def load(first: int, count: int) -> float:
        return sum(_batch(world, store_id, at) for at in range(first, first + count, BATCH))

    return load


def _batch(world: World, store_id: UUID, first: int) -> float:
    log_id = accept_batch(world.runtime, store_id, "orders", orders(BATCH, first, items=ITEMS))
    began = time.perf_counter()
    outcome = process(world.runtime, store_id, log_id)
    seconds = time.perf_counter() - began
    assert outcome is Outcome.COMPLETED
    return seconds


def _peer(peer: Peer, folder: Path) -> Loader:
    payload = folder / f"{peer.name}.payload"

    def load(first: int, count: int) -> float:
        payload.write_text(json.dumps({"orders": orders(count, first, items=ITEMS)}))
        return peer.load(payload)

    return load


def _analyze(world: World) -> None:
    """What PostgreSQL does by itself within a minute or two of a table's first rows; by chance, it would favour some."""
    for database in ("sluice", DATABASE):
        with psycopg.connect(world.postgres.superuser_url(database), autocommit=True) as conn:
            conn.execute("ANALYZE")


def _check(world: World, name: str, stored: int) -> None:
    """A loader that dropped or doubled a row gets no figure."""
    database = "sluice" if name == "sluice" else DATABASE
    with psycopg.connect(world.postgres.superuser_url(database)) as conn:
        for table, rows_of_an_order in ROWS_OF_AN_ORDER[name].items():
            row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row == (stored * rows_of_an_order,), f"{table} of {name} holds {row} after {stored:,} orders"


def rows(figures: PeerFigures) -> list[Row]:
    return [_row(figures, peer, load) for peer in figures.loads if peer != "sluice" for load in LOADS]


def _row(figures: PeerFigures, peer: str, load: int) -> Row:
    ours, theirs = (median(figures.loads[name][load]) for name in ("sluice", peer))
    return Row(
        f"new orders, {load:,} at a time, beside {peer}",
        f"{ours:.0f} µs/order",
        f"{theirs:.0f} µs/order",
        f"{theirs / ours:.1f} times as fast",
        f"{ASKED[peer][load]:g}",
    )
