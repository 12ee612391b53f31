"""The console's queries beside 100,000 logs: each goes through an index, reads few rows, and stays far from a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from app.tenants import create_operator, create_store
from db.outbound_overview import SQL as OUTBOUND
from db.overview import SQL as OVERVIEW
from db.sql import queries
from db.tenancy import tenant
from tests.conftest import Database
from workers.ids import new_id

pytestmark = pytest.mark.slow

LOGS = 100_000
# Thirty days of one busy store; one in a hundred failed, was pulled, populated or was no order.
FILL = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, inserted, next_attempt_at,
    accepted_at, started_at, finished_at, error_code, queue)
SELECT %s, gen_random_uuid(), CASE WHEN n %% 100 = 7 THEN 'customers' ELSE 'orders' END,
       CASE WHEN n %% 100 = 8 THEN 'shopify' ELSE 'plugin' END, CASE WHEN n %% 100 = 9 THEN 'populate' ELSE 'upsert' END,
       CASE WHEN n %% 100 = 3 THEN 'failed' ELSE 'completed' END, NULL, 500, CASE WHEN n %% 100 = 3 THEN 0 ELSE 500 END, at,
       at, at, at + interval '1 second', CASE WHEN n %% 100 = 3 THEN 'GAVE_UP' END,
       CASE WHEN n %% 100 = 8 THEN 'pull' ELSE 'ingest' END
  FROM (SELECT n, now() - interval '30 days' * (1 - n / %s::float8) AS at FROM generate_series(1, %s) n) s"""
OPEN = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at, enqueued_at)
SELECT %s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'running', 'queued', 500, now(),
       CASE WHEN n <= 8 THEN now() END
  FROM generate_series(1, 2000) n"""
ITEMS = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, error_code, error_message,
    retryable, next_attempt_at)
SELECT %s, gen_random_uuid(), gen_random_uuid(), 'price', 1,
       CASE WHEN n %% 100 = 1 THEN 'failed' WHEN n %% 20 = 2 THEN 'pending' ELSE 'completed' END, now(),
       CASE WHEN n %% 100 = 1 THEN 'REJECTED' END, 'refused', n %% 100 <> 1, now()
  FROM generate_series(1, %s) n"""


@dataclass(frozen=True)
class Busy:
    store_id: UUID
    conn: Connection


@pytest.fixture(scope="module")
def busy(database: Database) -> Iterator[Busy]:
    with psycopg.connect(database.url, autocommit=True) as conn:
        store_id = create_store(conn, "Busy shop", "woocommerce").store_id
        create_operator(conn)
        with psycopg.connect(database.superuser_url, autocommit=True) as root:
            root.execute(FILL, (store_id, LOGS, LOGS))
            root.execute(OPEN, (store_id,))
            root.execute(ITEMS, (store_id, LOGS))
            root.execute("VACUUM ANALYZE sync_logs, wc_sync_items")
        yield Busy(store_id, conn)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def explained(busy: Busy, query: LiteralString, parameters: dict[str, Any]) -> dict[str, Any]:
    """The plan as it was run, by the application's role, inside the wall."""
    with tenant(busy.conn, busy.store_id):
        row = busy.conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", parameters).fetchone()
    assert row is not None
    found: dict[str, Any] = (row[0] if isinstance(row[0], list) else json.loads(row[0]))[0]
    return found


def check(found: dict[str, Any], most_rows: int) -> None:
    """No table is read whole, and what is read and thrown away stays small: a count of work that no load can change."""
    plan = list(nodes(found["Plan"]))
    big = [node for node in plan if node.get("Relation Name") in ("sync_logs", "wc_sync_items")]
    assert all("Index" in node["Node Type"] or node["Node Type"] == "Bitmap Heap Scan" for node in big), plan
    read = sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in big)
    assert read <= most_rows, (read, [(node["Node Type"], node.get("Index Name"), node["Actual Rows"]) for node in big])


NOW = datetime.now(UTC)
EVERYTHING: dict[str, Any] = {"before": None, "entity": None, "status": None, "source": None, "mode": None, "most": 51}
HISTORY: list[dict[str, Any]] = [
    {},
    {"before": LOGS // 2},
    {"status": "failed"},
    {"status": "running"},
    {"status": "cancelled"},
    {"status": "completed"},
    {"entity": "customers"},
    {"entity": "categories"},
    {"source": "shopify"},
    {"source": "tiktok"},
    {"mode": "populate"},
    {"mode": "full"},
    {"status": "failed", "entity": "orders", "source": "plugin", "mode": "upsert"},
]


@pytest.mark.parametrize("filters", HISTORY, ids=lambda filters: "-".join(map(str, filters.values())) or "all")
def test_the_history_reads_a_page_and_not_the_table(busy: Busy, filters: dict[str, Any]) -> None:
    parameters = {"store_id": busy.store_id} | EVERYTHING | filters
    check(explained(busy, queries("sync_logs")["list_logs"], parameters), 4000)


@pytest.mark.parametrize(("hours", "step", "most"), [(1, 60, 300), (24, 900, 5000), (168, 7200, 30_000)])
def test_plots_read_their_range_alone(busy: Busy, hours: int, step: int, most: int) -> None:
    since = {"since": NOW - timedelta(hours=hours), "step": step}
    check(explained(busy, OVERVIEW["count_finished"], {"store_id": busy.store_id, **since}), most)


@pytest.mark.parametrize(("name", "most"), [("list_open_logs", 100), ("count_open", 2000)])
def test_what_is_open_is_read_from_the_short_lists(busy: Busy, name: str, most: int) -> None:
    check(explained(busy, OVERVIEW[name], {"store_id": busy.store_id, "most": 12}), most)


def test_the_outbound_page_looks_at_nothing_that_is_done(busy: Busy) -> None:
    more: dict[str, Any] = {"after_id": None, "after_priority": None, "after_created": None, "most": 51}
    group = {"sync_type": "price", "error_code": "REJECTED"}
    for name, most in (
        ("count_open_items", 6000),
        ("page_waiting_items", 51),
        ("list_items_in_hand", 51),
        ("list_failed_groups", 1000),
        ("list_failed_group", 1000),
    ):
        check(explained(busy, OUTBOUND[name], {"store_id": busy.store_id} | more | group), most)
    behind = more | {"after_id": new_id(), "after_priority": 1, "after_created": NOW - timedelta(days=1)}
    check(explained(busy, OUTBOUND["page_waiting_items"], {"store_id": busy.store_id} | behind), 51)


BLOCKS = 1200  # of 8 kB, a few milliseconds' worth; the logs alone are several times as many


def test_every_query_of_the_pages_touches_few_blocks(busy: Busy) -> None:
    """Within functions that look across stores, too, where a plan shows nothing of what is read."""
    store: dict[str, Any] = {"store_id": busy.store_id}
    since = {"since": NOW - timedelta(hours=24), "step": 900}
    activity = {"after_created": None, "after_id": None, "failed_since": NOW - timedelta(hours=24), "most": 26}
    asked: list[tuple[LiteralString, dict[str, Any]]] = [
        *((queries("sync_logs")["list_logs"], store | EVERYTHING | filters) for filters in HISTORY),
        (OVERVIEW["count_finished"], store | since),
        (OVERVIEW["count_finished_of_all"], since),
        (OVERVIEW["list_open_logs"], store | {"most": 12}),
        (OVERVIEW["count_open"], store),
        (OVERVIEW["count_open_of_all"], {}),
        (OVERVIEW["count_items_of_all"], {}),
        (OVERVIEW["list_store_activity"], activity),
        (OUTBOUND["count_open_items"], store),
        (OUTBOUND["list_failed_groups"], store | {"most": 50}),
    ]
    touched = [(blocks_of(explained(busy, query, parameters)), query, parameters) for query, parameters in asked]
    assert [one for one in touched if one[0] > BLOCKS] == []


def blocks_of(found: dict[str, Any]) -> int:
    return int(found["Plan"]["Shared Hit Blocks"] + found["Plan"]["Shared Read Blocks"])
