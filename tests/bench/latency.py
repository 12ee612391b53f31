"""From POST to completed: one batch of ten records at a time on an idle system, through the real processes of `up`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from psycopg import Connection

from tests.bench.report import Row
from tests.bench.world import orders
from tests.support.stack import Shop, running_stack
from tests.support.waiting import wait_until

RECORDS = 10
WARM_UP = 10
IDLE_SECONDS = 0.1  # between two batches, so that each finds an idle system
POLL_SECONDS = 0.001
WAIT = "wait=10"


@dataclass(frozen=True)
class LatencyFigures:
    """Milliseconds from before the POST, one figure a batch: to the 202, to the moment another connection sees the log
    completed, and to the 200 of a client that sent `Prefer: wait`."""

    accepted: list[float]
    completed: list[float]
    waited: list[float]


def measure(batches: int) -> LatencyFigures:
    """After a warm-up and ANALYZE, which PostgreSQL does by itself within a minute or two of a table's first rows."""
    figures = LatencyFigures([], [], [])
    with running_stack() as stack, stack.superuser() as conn:
        shop = stack.create_store()
        for number in range(WARM_UP):
            _waited(shop, number)
        conn.execute("ANALYZE")
        for number in range(WARM_UP, WARM_UP + batches):
            accepted, completed = _polled(shop, conn, number * 2)
            figures.accepted.append(accepted)
            figures.completed.append(completed)
            figures.waited.append(_waited(shop, number * 2 + 1))
    return figures


def _polled(shop: Shop, conn: Connection, number: int) -> tuple[float, float]:
    """Milliseconds to the 202 and to the commit. The look costs the server next to nothing, unlike a poll of the API."""
    records = orders(RECORDS, first=number * RECORDS + 1)
    time.sleep(IDLE_SECONDS)
    began = time.perf_counter()
    job_id = shop.accept("orders", records)
    accepted = time.perf_counter() - began
    query = "SELECT true FROM sync_logs WHERE store_id = %s AND id = %s AND status = 'completed'"
    wait_until(lambda: conn.execute(query, (shop.id, job_id)).fetchone(), 30, "the batch", POLL_SECONDS)
    return accepted * 1000, (time.perf_counter() - began) * 1000


def _waited(shop: Shop, number: int) -> float:
    records = orders(RECORDS, first=number * RECORDS + 1)
    time.sleep(IDLE_SECONDS)
    began = time.perf_counter()
    answer = shop.post("orders", records, Prefer=WAIT)
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    return seconds * 1000


def rows(figures: LatencyFigures) -> list[Row]:
    return [
        _row("10 records, POST to 202", figures.accepted, ""),
        _row("10 records, POST to completed", figures.completed, "< 25 ms"),
        _row("10 records, POST to 200 with Prefer: wait", figures.waited, ""),
    ]


def _row(what: str, milliseconds: list[float], asked: str) -> Row:
    worst = sorted(milliseconds)[int(len(milliseconds) * 0.95)]
    return Row(what, f"{median(milliseconds):.1f} ms, p95 {worst:.1f} ms", asked=asked)
