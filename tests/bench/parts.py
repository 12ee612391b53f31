"""The parts of the benchmarks by name: each measures, saves its figures as JSON, and returns its rows of the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from tests.bench import (
    accept_rate,
    job_overhead,
    latency,
    memory,
    outbound,
    pulls,
    resident,
    scale,
    two_workers,
    variations,
    worker_time,
)
from tests.bench.accept_rate import AcceptFigures
from tests.bench.peers import compare
from tests.bench.report import Row, save
from tests.bench.world import world

CLIENTS = (1, 8, 32)
JOBS = 100
LATENCY_BATCHES = 100
SHOPIFY_ORDERS, TIKTOK_ORDERS = 60_000, 276_000
PRODUCTS, EVENT_SECONDS = 10_000, 60.0
VARIABLE_PRODUCTS = 2_000


@dataclass(frozen=True)
class Options:
    """`orders`: how many are stored where the cost at scale is measured. `share`: how much of a whole shop is pulled.
    `say` shows how far a long part has come."""

    runs: int
    requests: int
    orders: int
    share: float
    say: Callable[[str], None]


def _worker(options: Options) -> list[Row]:
    with world() as bench:
        figures = worker_time.measure(bench, options.runs)
        wide = worker_time.measure(bench, options.runs, wide=True)
    save("worker", asdict(figures) | {"wide": asdict(wide)})
    return worker_time.rows(figures, wide)


def _job(_: Options) -> list[Row]:
    with world() as bench:
        milliseconds = job_overhead.measure(bench, JOBS)
    save("job", {"milliseconds": milliseconds})
    return [Row("one job of one record", f"{milliseconds:.1f} ms")]


def _accept(options: Options) -> list[Row]:
    with world() as bench:
        found = accept_rate.measure(bench, options.runs, CLIENTS, options.requests)
    save("accept", [asdict(figures) for figures in found])
    return [_accept_row(figures) for figures in found]


def _accept_row(figures: AcceptFigures) -> Row:
    return Row(
        f"accept, {figures.clients} clients, {figures.encoding}",
        f"{figures.rate:.0f}/s, p99 {figures.p99:.0f} ms",
        f"{figures.floor_rate:.0f}/s, p99 {figures.floor_p99:.0f} ms",
        f"{figures.ratio:.2f}, p99 {figures.p99_ratio:.1f}",
        "≥ 0.75, p99 ≤ 2",
    )


def _latency(_: Options) -> list[Row]:
    figures = latency.measure(LATENCY_BATCHES)
    save("latency", asdict(figures))
    return latency.rows(figures)


def _memory(_: Options) -> list[Row]:
    if not resident.IS_TOLD:
        return [Row("memory", "not measured: only Linux tells it")]
    figures = memory.measure()
    save("memory", asdict(figures))
    return memory.rows(figures)


def _workers(options: Options) -> list[Row]:
    with world() as bench:
        figures = two_workers.measure(bench, options.runs)
    save("workers", asdict(figures))
    return two_workers.rows(figures)


def _pulls(options: Options) -> list[Row]:
    with world() as bench:
        shops = int(SHOPIFY_ORDERS * options.share), int(TIKTOK_ORDERS * options.share)
        figures = pulls.measure(bench, *shops, options.runs, options.say)
    save("pulls", [asdict(found) for found in figures])
    return [pulls.row(found) for found in figures]


def _outbound(options: Options) -> list[Row]:
    with world() as bench:
        figures = outbound.measure(bench, int(PRODUCTS * options.share), EVENT_SECONDS * options.share)
    save("outbound", asdict(figures))
    return outbound.rows(figures)


def _variations(options: Options) -> list[Row]:
    with world() as bench:
        figures = variations.measure(bench, int(VARIABLE_PRODUCTS * options.share))
    save("variations", asdict(figures))
    return variations.rows(figures)


def _peers(options: Options) -> list[Row]:
    with world() as bench:
        figures = compare.measure(bench, options.runs)
    save("peers", asdict(figures))
    return compare.rows(figures)


def _scale(options: Options) -> list[Row]:
    with world() as bench:
        figures = scale.measure(bench, options.orders, options.runs)
    save("scale", asdict(figures))
    return scale.rows(figures)


PARTS: dict[str, Callable[[Options], list[Row]]] = {
    "worker": _worker,
    "job": _job,
    "accept": _accept,
    "latency": _latency,
    "memory": _memory,
    "workers": _workers,
    "pulls": _pulls,
    "outbound": _outbound,
    "variations": _variations,
    "peers": _peers,
    "scale": _scale,
}
DEFAULT_PARTS = ["worker", "job", "accept", "latency", "memory", "workers", "pulls", "outbound"]
