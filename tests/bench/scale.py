"""Cost per order beside many stored orders, against the cost beside few: two databases on one server, in turn."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from uuid import UUID

from app.http.services import EXTENSION
from app.server.factory import create_app
from tests.bench.fill import LOGS, fill
from tests.bench.report import Row
from tests.bench.world import World, orders
from tests.support.pipeline import accept_batch, bearer, read_log
from workers.inbound.process import Outcome, process

BATCH = 1000
FEW = 50_000
ASKED_RATIO = 1.3
ASKED_MILLISECONDS = 50
LOOKS = 20
QUERIES = {
    "status": "/api/sync/status",
    "jobs, newest": "/api/sync/jobs?limit=100",
    "jobs, failed (1 of 1,000)": "/api/sync/jobs?limit=100&status=failed",
    "jobs, an entity without any": "/api/sync/jobs?limit=100&entity=products",
    "jobs, populate and cancelled (none)": "/api/sync/jobs?limit=100&mode=populate&status=cancelled",
}


@dataclass(frozen=True)
class Shop:
    """One filled database, and how the next batches of its store are numbered."""

    world: World
    store_id: UUID
    token: str
    stored: int

    def new(self, run: int) -> list[int]:
        return list(range(self.stored + run * BATCH + 1, self.stored + (run + 1) * BATCH + 1))

    def recent(self) -> list[int]:
        """The last that were filled in: what a shop that syncs often sends."""
        return list(range(self.stored - BATCH + 1, self.stored + 1))

    def scattered(self, run: int) -> list[int]:
        """Over all but the recent ones, others in each run: each on a page of its own, in the table and in each index."""
        stride = self.stored // BATCH - 1
        return [number * stride + run + 1 for number in range(BATCH)]


@dataclass(frozen=True)
class ScaleFigures:
    """Microseconds per order by kind of batch, a figure a run, beside few and many orders; milliseconds by query."""

    stored: int
    logs: int
    fill_seconds: float
    few: dict[str, list[float]]
    many: dict[str, list[float]]
    queries: dict[str, list[float]]


def measure(world: World, stored: int, runs: int) -> ScaleFigures:
    with world.beside("few") as small, world.beside("many") as large:
        began = time.perf_counter()
        shops = [_filled(small, FEW), _filled(large, stored)]
        seconds = time.perf_counter() - began
        for shop in shops:
            _run(shop, 0)  # caches and prepared statements
        measured = [[_run(shop, number) for shop in shops] for number in range(1, runs + 1)]
        few, many = ({kind: [run[at][kind] for run in measured] for kind in measured[0][at]} for at in (0, 1))
        return ScaleFigures(stored, LOGS, seconds, few, many, _query_times(shops[1]))


def _filled(world: World, stored: int) -> Shop:
    store = world.create_store()
    with world.superuser() as conn:
        fill(conn, store.store_id, stored)
    return Shop(world, store.store_id, store.token, stored)


def _run(shop: Shop, run: int) -> dict[str, float]:
    """One batch of each kind, each run of a newer version."""
    new, recent, scattered = shop.new(run), shop.recent(), shop.scattered(run)
    return {
        "new": _batch(shop, new, run, "inserted"),
        "changed, recent": _batch(shop, recent, run, "updated"),
        "unchanged, recent": _batch(shop, recent, run, "unchanged"),
        "changed, scattered": _batch(shop, scattered, run, "updated"),
        "unchanged, scattered": _batch(shop, scattered, run, "unchanged"),
    }


def _batch(shop: Shop, numbers: list[int], version: int, expected: str) -> float:
    """Microseconds per order of a batch in which all records must come out as `expected`."""
    records = [orders(1, number, version)[0] for number in numbers]
    log_id = accept_batch(shop.world.runtime, shop.store_id, "orders", records)
    began = time.perf_counter()
    outcome = process(shop.world.runtime, shop.store_id, log_id)
    seconds = time.perf_counter() - began
    assert outcome is Outcome.COMPLETED
    log = read_log(shop.world.runtime, shop.store_id, log_id)
    assert getattr(log, expected) == len(records), f"{log.records_synced:,} synced, but not all {expected}"
    return seconds / len(records) * 1e6


def _query_times(shop: Shop) -> dict[str, list[float]]:
    """Milliseconds of each answer of the API, without a server before it."""
    settings = replace(shop.world.runtime.settings, rate_limit_per_minute=1_000_000)
    app = create_app(settings, shop.world.postgres.app_url(shop.world.database), shop.world.redis_url)
    try:
        client = app.test_client()
        return {name: [_look(client, path, shop.token) for _ in range(LOOKS)] for name, path in QUERIES.items()}
    finally:
        app.extensions[EXTENSION].pool.close()


def _look(client: Any, path: str, token: str) -> float:
    began = time.perf_counter()
    answer = client.get(path, headers=bearer(token))
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    return seconds * 1000


def rows(figures: ScaleFigures) -> list[Row]:
    return [
        *(_cost_row(figures, kind) for kind in figures.many),
        *(_query_row(figures, name) for name in figures.queries),
    ]


def _cost_row(figures: ScaleFigures, kind: str) -> Row:
    few, many = median(figures.few[kind]), median(figures.many[kind])
    return Row(
        f"{kind}, beside {figures.stored:,} stored orders",
        f"{many:.0f} µs/order",
        f"{few:.0f} µs/order beside {FEW:,}",
        f"{many / few:.2f}",
        f"≤ {ASKED_RATIO:g}",
    )


def _query_row(figures: ScaleFigures, name: str) -> Row:
    times = figures.queries[name]
    found = f"{median(times):.1f} ms, worst {max(times):.1f} ms"
    return Row(f"{name}: {figures.logs:,} logs", found, asked=f"< {ASKED_MILLISECONDS} ms")
