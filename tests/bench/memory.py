"""Resident memory of the API over thousands of accepted requests, and of one worker over the largest batches there are."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Load, run
from tests.bench.report import Row
from tests.bench.resident import peak_mib, resident_mib, slope
from tests.bench.world import orders
from tests.support.stack import Shop, Stack, processes, running_stack

REQUESTS = 10_000
REQUESTS_A_LOOK = 250
CLIENTS = 5
RECORDS = 100
BATCHES = 30
LARGEST_BATCH = 5000
ASKED_MIB = 150

Sample = tuple[float, float]  # requests or batches so far, MiB


@dataclass(frozen=True)
class MemoryFigures:
    """Samples of the API's process and of a worker's, and the most that the worker ever held (MiB)."""

    api: list[Sample]
    worker: list[Sample]
    worker_peak: float


def measure() -> MemoryFigures:
    with running_stack(MAX_OPEN_LOGS_PER_STORE="1000000") as stack:
        api = _api(stack)
    with running_stack() as stack:
        worker = stack.pids("worker")[0]
        return MemoryFigures(api, _worker(stack.create_store(), worker), peak_mib(worker))


def _api(stack: Stack) -> list[Sample]:
    """Plain and compressed batches in turn, workers at work beside."""
    plain = json.dumps({"orders": orders(RECORDS)}).encode()
    files = [stack.root.with_name("plain"), stack.root.with_name("gzip")]
    files[0].write_bytes(plain)
    files[1].write_bytes(gzip.compress(plain))
    shop, pid = stack.create_store(), _serving(stack)
    samples = []
    for look in range(REQUESTS // REQUESTS_A_LOOK):
        is_gzip = bool(look % 2)
        _post(stack, shop, files[is_gzip], is_gzip)
        samples.append((float((look + 1) * REQUESTS_A_LOOK), resident_mib(pid)))
    return samples


def _post(stack: Stack, shop: Shop, body: Path, is_gzip: bool) -> None:
    """Any answer but 202 ends the benchmark."""
    run(Load(stack.up.port, "/api/sync/orders", [shop.token], str(body), CLIENTS, REQUESTS_A_LOOK, is_gzip))


def _serving(stack: Stack) -> int:
    """The one process below gunicorn's that answers requests."""
    (master,) = stack.pids("api")
    (child,) = [pid for pid, (parent, _) in processes().items() if parent == master]
    return child


def _worker(shop: Shop, pid: int) -> list[Sample]:
    samples = []
    for number in range(BATCHES):
        records = orders(LARGEST_BATCH, first=number * LARGEST_BATCH + 1)
        shop.wait_completed([shop.accept("orders", records)], 120)
        samples.append((float(number + 1), resident_mib(pid)))
    return samples


def rows(figures: MemoryFigures) -> list[Row]:
    requests, api = _growth(figures.api)
    batches, worker = _growth(figures.worker)
    return [
        Row(f"API over {requests:,.0f} requests of {RECORDS} orders", api, asked="flat"),
        Row(f"worker over {batches:.0f} batches of {LARGEST_BATCH:,} orders", worker, asked="flat"),
        Row("worker, the most it held", f"{figures.worker_peak:.0f} MiB", asked=f"< {ASKED_MIB} MiB"),
    ]


def _growth(samples: list[Sample]) -> tuple[float, str]:
    """How many there were; first and last sample, and the growth over the second half of them, warm-up long over."""
    late = samples[len(samples) // 2 :]
    growth = slope(late) * (late[-1][0] - late[0][0])
    first, middle, last = samples[0][1], late[0][1], samples[-1][1]
    return samples[-1][0], f"{first:.1f}, {middle:.1f}, {last:.1f} MiB; {growth:+.2f} MiB in the second half"
