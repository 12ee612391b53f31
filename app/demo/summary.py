"""The demo's summary in fifteen lines: what arrived, why records were skipped, and the next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.demo.checks import Tables
from app.demo.delivery import Delivery, Log

EXAMPLE_WIDTH = 49  # leaves room for the other columns of a terminal of 80
CODES_SHOWN = 3
# The counts of jobs, as people name them.
OUTCOMES = {"new": ("inserted",), "changed": ("updated",), "same or older": ("unchanged", "stale")}


def show_summary(console: Console, delivery: Delivery, tables: Tables, *, adds_up: bool) -> None:
    orders, others = (
        [log for log in delivery.logs if (log.batch.entity == "orders") is wanted] for wanted in (True, False)
    )
    speed = f"{delivery.records / delivery.total_seconds:,.0f} records/s"
    _line(console, f"{_received(orders, 'orders')}; {_received(others, 'other records')}; {speed}")
    console.print(_by_entity(delivery, asdict(tables.counts)))
    console.print(_by_code(delivery))
    if adds_up:
        links = sum(asdict(tables.unresolved).values())
        _line(console, f"All numbers add up: received = stored + skipped, {links} unresolved references.")


def show_rejects(console: Console, delivery: Delivery) -> None:
    table = _table(("entity", "index", "id", "field", "reason"), ())
    for log in delivery.logs:
        for error in log.errors:
            cells = (log.batch.entity, error["index"], error["id"] or "", error["field"], error["reason"])
            table.add_row(*(Text(str(cell)) for cell in cells))
    console.print(table)


def show_next_steps(console: Console, link: str, token: str) -> None:
    _line(console, "See it in the console. If nothing runs, start `make run`; the link works once, for an hour:")
    _line(console, f"  {link}")
    _line(console, f"  token {token}")


def show_complaints(console: Console, complaints: Sequence[str]) -> None:
    for complaint in complaints:
        console.print(Text(f"WRONG: {complaint}", style="bold red"), soft_wrap=True)


def _received(logs: Sequence[Log], name: str) -> str:
    received, skipped = (sum(int(log.job[count]) for log in logs) for count in ("receivedCount", "skippedCount"))
    return f"{received:,} {name}, {skipped:,} skipped"


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _by_entity(delivery: Delivery, rows: dict[str, int]) -> Table:
    table = _table(("",), ("received", *OUTCOMES, "skipped", "rows"))
    for entity, stored in rows.items():
        jobs = [log.job for log in delivery.logs if log.batch.entity == entity]
        outcomes = [sum(job["counts"][name] for job in jobs for name in names) for names in OUTCOMES.values()]
        received, skipped = (sum(job[name] for job in jobs) for name in ("receivedCount", "skippedCount"))
        table.add_row(entity, *(f"{figure:,}" for figure in (received, *outcomes, skipped, stored)))
    return table


def _by_code(delivery: Delivery) -> Table:
    # Only the first problem of each record counts, so that the numbers add up to the skipped records.
    table = _table(("skipped because", "for example"), ("records",))
    table.columns[1].max_width = EXAMPLE_WIDTH
    first = {(log.log_id, error["index"]): error for log in delivery.logs for error in reversed(log.errors)}
    found = Counter(error["code"] for error in first.values()).most_common()
    examples = {error["code"]: f"{error['field']}: {error['reason']}" for error in first.values()}
    for code, count in found[:CODES_SHOWN]:
        table.add_row(Text(code), Text(examples[code]), str(count))
    rest = sum(count for _, count in found[CODES_SHOWN:])
    if rest:
        table.add_row("other codes", "`.venv/bin/python -m app demo --show-skipped`", str(rest))
    return table
