"""`make bench`: every figure a ratio to a floor measured in the same run, in a table and as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from app.logs import configure_logging
from tests.bench import accept_rate, job_overhead, outbound, pulls, worker_time
from tests.bench.world import World, machine, world

RUNS = 5
CLIENTS = (1, 8, 32)
REQUESTS = 960
JOBS = 100
SHOPIFY_ORDERS, TIKTOK_ORDERS = 60_000, 276_000
PRODUCTS, EVENT_SECONDS = 10_000, 60.0
RESULTS = Path("bench-results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--part", type=float, default=1.0, help="of the shops that are pulled")
    parser.add_argument("--only", choices=("pulls", "outbound"), help="leave the other figures out")
    args = parser.parse_args()
    configure_logging("ERROR", "console")
    console = Console(stderr=True)
    with world() as bench:
        results = {} if args.only else _measure(bench, args.runs, args.requests, console)
        if args.only != "outbound":
            with console.status("pulls of whole shops …"):
                figures = pulls.measure(bench, int(SHOPIFY_ORDERS * args.part), int(TIKTOK_ORDERS * args.part))
            results["pulls"] = [asdict(row) for row in figures]
        if args.only != "pulls":
            with console.status("a catalogue to a slow shop, and a minute of events …"):
                sent = outbound.measure(bench, int(PRODUCTS * args.part), EVENT_SECONDS * args.part)
            results["outbound"] = asdict(sent)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n")
    if not args.only:
        _show(results)
    if "pulls" in results:
        _show_pulls(results["pulls"])
    if "outbound" in results:
        _show_outbound(results["outbound"])
    return 0


def _show_outbound(figures: dict[str, Any]) -> None:
    table = Table("what", "write calls", "seconds", title="To a shop that answers after 500 ms, four calls at once")
    for name in ("create", "update"):
        calls, seconds = figures[f"{name}_calls"], figures[f"{name}_seconds"]
        table.add_row(f"{figures['products']:,} products, {name}", f"{calls}", f"{seconds:.1f}")
    table.add_row("100 events a second: all sent", f"{figures['event_calls']}", f"p95 {figures['event_p95']:.2f}")
    table.add_row("", "", f"p100 {figures['event_p100']:.2f}")
    Console().print(table)


def _measure(bench: World, runs: int, requests: int, console: Console) -> dict[str, Any]:
    with console.status("worker time per order …"):
        worker = worker_time.measure(bench, runs)
    with console.status("one job …"):
        job = job_overhead.measure(bench, JOBS)
    with console.status("accept rate …"):
        accepts = accept_rate.measure(bench, runs, CLIENTS, requests)
    return {"worker": asdict(worker), "job_ms": job, "accept": [asdict(figures) for figures in accepts]}


def _show(results: dict[str, Any]) -> None:
    worker, console = results["worker"], Console()
    table = Table("what", "measured", "floor", "ratio", title=f"Sluice on {machine()}")
    for kind in ("new", "changed", "unchanged"):
        table.add_row(
            f"worker, {kind} orders (1,000 with 3 items)",
            f"{worker[kind]:.0f} µs/order",
            f"{worker['floor']:.0f} µs/order",
            f"{worker[kind] / worker['floor']:.2f}",
        )
    table.add_row("unchanged against first sync", "", "", f"{worker['unchanged'] / worker['new']:.2f}")
    table.add_row("WAL of processing 1,000 unchanged orders", f"{worker['unchanged_wal']:.0f} bytes", "", "")
    table.add_row("one job of one record", f"{results['job_ms']:.1f} ms", "", "")
    for row in results["accept"]:
        table.add_row(
            f"accept, {row['clients']} clients, {row['encoding']}",
            f"{row['rate']:.0f}/s, p99 {row['p99']:.0f} ms",
            f"{row['floor_rate']:.0f}/s, p99 {row['floor_p99']:.0f} ms",
            f"{row['rate'] / row['floor_rate']:.2f}",
        )
    console.print(table)


def _show_pulls(rows: list[dict[str, Any]]) -> None:
    table = Table("pull", "page calls", "seconds", "to the platform's time", "memory grown after 50 pages")
    for row in rows:
        grown = f"{row['grown_kib'] / 1024:.1f} MiB" if row["pages"] > 50 else ""
        table.add_row(row["name"], str(row["pages"]), f"{row['seconds']:.1f}", f"{row['ratio']:.2f}", grown)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
