"""Checks that the demo's numbers add up: posted records, the counts of the jobs, and the rows in the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from uuid import UUID

from psycopg import Connection

from app.demo.delivery import Delivery, Log
from db.core.tenancy import tenant
from db.insight import reports

SYNCED = ("inserted", "updated", "unchanged", "stale")
SKIPPED = ("invalid", "existing")


@dataclass(frozen=True, slots=True)
class Tables:
    """Counts from one store's tables, read in one transaction."""

    counts: reports.RecordCounts
    unresolved: reports.UnresolvedLinks
    by_status: list[reports.StatusTotal]
    by_month: list[reports.MonthTotal]


def read_tables(conn: Connection, store_id: UUID) -> Tables:
    with tenant(conn, store_id):
        return Tables(
            counts=reports.count_records(conn, store_id),
            unresolved=reports.unresolved_links(conn, store_id),
            by_status=reports.order_totals_by_status(conn, store_id),
            by_month=reports.order_totals_by_month(conn, store_id),
        )


def complaints(delivery: Delivery, tables: Tables) -> list[str]:
    """One line for each wrong number; empty if all are right."""
    return [
        *(line for log in delivery.logs for line in _about_log(log)),
        *_about_rows(delivery, tables),
        *_about_totals(tables),
    ]


def _about_log(log: Log) -> Iterator[str]:
    name, job = f"{log.batch.entity} job {log.log_id}", log.job
    counts = job["counts"]
    if job["status"] != "completed":
        yield f"{name} is {job['status']}"
        return
    if job["receivedCount"] != len(log.batch.records):
        yield f"{name} received {job['receivedCount']} of {len(log.batch.records)} records"
    if job["syncedCount"] != sum(counts[one] for one in SYNCED):
        yield f"{name}: {job['syncedCount']} synced, but the counts add up to {sum(counts[one] for one in SYNCED)}"
    if job["skippedCount"] != sum(counts[one] for one in SKIPPED):
        yield f"{name}: {job['skippedCount']} skipped, but the counts add up to {sum(counts[one] for one in SKIPPED)}"
    if job["receivedCount"] != job["syncedCount"] + job["skippedCount"]:
        yield f"{name}: received is not synced + skipped"
    if {error["index"] for error in log.errors} != log.batch.bad:
        yield f"{name}: the skipped records are not the bad ones"


def _about_rows(delivery: Delivery, tables: Tables) -> Iterator[str]:
    # A record is one row, however often and in whatever order it was posted.
    expected: dict[str, set[int]] = defaultdict(set)
    for log in delivery.logs:
        expected[log.batch.entity] |= log.batch.valid_ids()
    for entity, count in asdict(tables.counts).items():
        if count != len(expected[entity]):
            yield f"{entity}: {count} rows, but {len(expected[entity])} were expected"
    for link, count in asdict(tables.unresolved).items():
        if count:
            yield f"{count} references from {link.replace('_', ' ')} are unresolved"


def _about_totals(tables: Tables) -> Iterator[str]:
    for name, rows in (("status", tables.by_status), ("month", tables.by_month)):
        if sum(row.orders for row in rows) != tables.counts.orders:
            yield f"the orders by {name} do not add up to all orders"
    if sum(row.total for row in tables.by_status) != sum(row.total for row in tables.by_month):
        yield "the totals by status and by month differ"
