"""The demo's summary: records received, stored and skipped, totals from the tables, and the next steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.demo.checks import SYNCED, Tables
from app.demo.delivery import Delivery

SKIPPED_SHOWN = 30


def show_summary(console: Console, delivery: Delivery, tables: Tables) -> None:
    records, synced, skipped = delivery.records, _total(delivery, "syncedCount"), _total(delivery, "skippedCount")
    accepted, stored = records / delivery.accepted_seconds, records / delivery.total_seconds
    _line(console, f"{records} records received = {synced} synced + {skipped} skipped, in {len(delivery.logs)} batches")
    _line(console, f"{accepted:,.0f} records/s accepted, {stored:,.0f} records/s stored")
    for table in (_synced(delivery, tables), _skipped_by_reason(delivery), _by_status(tables), _by_month(tables)):
        console.print(table)
    console.print(_skipped(delivery))
    _line(console, f"{skipped} skipped records in total. None of them affected its batch.")
    links = (f"{count} {link.replace('_', ' ')}" for link, count in asdict(tables.unresolved).items())
    _line(console, "Unresolved references: " + ", ".join(links))


def show_next_steps(console: Console, base_url: str, token: str) -> None:
    _line(console, "\nThe sample shop stays in the database. Start the API with `make run`, then:")
    _line(console, f"  console  {base_url}/console   (sign in with the token)")
    _line(console, f"  jobs     {base_url}/api/sync/jobs")
    _line(console, f"  token    {token}")
    _line(console, f"  try      curl -H 'Authorization: Bearer {token}' {base_url}/api/sync/status")


def show_complaints(console: Console, complaints: Sequence[str]) -> None:
    for complaint in complaints:
        console.print(Text(f"WRONG: {complaint}", style="bold red"), soft_wrap=True)


def _line(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _total(delivery: Delivery, count: str) -> int:
    return sum(int(log.job[count]) for log in delivery.logs)


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in left:
        table.add_column(name)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _synced(delivery: Delivery, tables: Tables) -> Table:
    table = _table("Synced", ("entity",), ("received", *SYNCED, "skipped", "rows"))
    for entity, rows in asdict(tables.counts).items():
        logs = [log for log in delivery.logs if log.batch.entity == entity]
        counts = [sum(log.job["counts"][name] for log in logs) for name in SYNCED]
        received, skipped = (sum(log.job[name] for log in logs) for name in ("receivedCount", "skippedCount"))
        table.add_row(entity, *(str(figure) for figure in (received, *counts, skipped, rows)))
    return table


def _skipped_by_reason(delivery: Delivery) -> Table:
    # Only the first problem of each record counts, so that the numbers add up to the skipped records.
    table = _table("Skipped, by reason", ("code", "reason"), ("records",))
    first = {(log.log_id, error["index"]): error for log in delivery.logs for error in reversed(log.errors)}
    found = Counter((error["code"], error["reason"]) for error in first.values())
    for (code, reason), count in found.most_common():
        table.add_row(Text(code), Text(reason), str(count))
    return table


def _by_status(tables: Tables) -> Table:
    table = _table("Orders by status, from the tables", ("status",), ("orders", "total"))
    for row in tables.by_status:
        table.add_row(Text(row.status), str(row.orders), _amount(row.total, row.currency))
    return table


def _by_month(tables: Tables) -> Table:
    table = _table("Orders by month, from the tables", ("month",), ("orders", "total"))
    for row in tables.by_month:
        table.add_row(f"{row.month:%Y-%m}", str(row.orders), _amount(row.total, row.currency))
    return table


def _amount(total: Decimal, currency: str | None) -> str:
    return f"{total:,.2f} {currency or ''}".rstrip()


def _skipped(delivery: Delivery) -> Table:
    table = _table(f"Skipped records, the first {SKIPPED_SHOWN}", ("entity", "index", "id", "field", "reason"), ())
    rows = [(log.batch.entity, error) for log in delivery.logs for error in log.errors]
    for entity, error in rows[:SKIPPED_SHOWN]:
        cells = (entity, error["index"], error["id"] or "", error["field"], error["reason"])
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table
