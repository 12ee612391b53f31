"""The console's queries with 100,000 logs: each uses an index, reads few rows, and never scans a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from app.usecases.stores import Origin, create_operator, create_store
from db.core.tenancy import tenant
from db.insight.overview import (
    count_finished,
    count_finished_of_all,
    count_items_of_all,
    count_open,
    count_open_of_all,
    list_open_logs,
    list_store_activity,
)
from db.outbound.overview import (
    count_open_items,
    list_failed_group,
    list_failed_groups,
    list_items_being_sent,
    page_waiting_items,
)
from db.sync.logs import LogFilter, list_logs
from tests.conftest import Database
from tests.support.plans import Ask, Listening, count_scans, explained
from workers.core.ids import new_id

pytestmark = pytest.mark.slow

LOGS = 100_000
OPEN_LOGS = 2000
PAGE = 51
BIG = {"sync_logs", "wc_sync_items"}
BLOCKS = 1200  # of 8 kB, a few milliseconds' worth; the logs alone are several times as many
NOW = datetime.now(UTC)
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
  FROM generate_series(1, %s) n"""
ITEMS = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, error_code, error_message,
    retryable, next_attempt_at)
SELECT %s, gen_random_uuid(), gen_random_uuid(), 'price', 1,
       CASE WHEN n %% 100 = 1 THEN 'failed' WHEN n %% 20 = 2 THEN 'pending' ELSE 'completed' END, now(),
       CASE WHEN n %% 100 = 1 THEN 'REJECTED' END, 'refused', n %% 100 <> 1, now()
  FROM generate_series(1, %s) n"""


@pytest.fixture(scope="module")
def busy(database: Database) -> UUID:
    with psycopg.connect(database.url, autocommit=True) as conn:
        store_id = create_store(conn, "Busy shop", "woocommerce").store_id
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        create_operator(owner, Origin("test"))
    with psycopg.connect(database.superuser_url, autocommit=True) as root:
        # Foreign keys are not what is looked at, and take the longest.
        root.execute("SET session_replication_role = replica")
        root.execute(FILL, (store_id, LOGS, LOGS))
        root.execute(OPEN, (store_id, OPEN_LOGS))
        root.execute(ITEMS, (store_id, LOGS))
        # In production logs stand in the order of their acceptance: all are inserted with the same width, and grow later.
        # Here the open logs are narrower than the ended ones, and one fits into what each page has left.
        root.execute("CLUSTER sync_logs USING sync_logs_newest")
        root.execute("VACUUM ANALYZE sync_logs, wc_sync_items")
    return store_id


def read_by(listening: Listening, busy: UUID, ask: Ask) -> int:
    """The rows that the query of `ask` reads from tables: a measure that load cannot change. Fails if it scans a table."""
    plans = explained(listening, busy, ask)
    assert plans
    assert [plan.query for plan in plans if plan.read_whole & BIG] == []
    return sum(plan.rows_read for plan in plans)


def history(wanted: LogFilter) -> Ask:
    return lambda conn, store: list_logs(conn, store, wanted, PAGE)


HISTORY = {
    "all": history(LogFilter()),
    "half way back": history(LogFilter(before=LOGS // 2)),
    "failed": history(LogFilter(status="failed")),
    "running": history(LogFilter(status="running")),
    "cancelled": history(LogFilter(status="cancelled")),
    "completed": history(LogFilter(status="completed")),
    "customers": history(LogFilter(entity="customers")),
    "categories": history(LogFilter(entity="categories")),
    "shopify": history(LogFilter(source="shopify")),
    "tiktok": history(LogFilter(source="tiktok")),
    "populate": history(LogFilter(mode="populate")),
    "full": history(LogFilter(mode="full")),
    "all four": history(LogFilter(status="failed", entity="orders", source="plugin", mode="upsert")),
}


@pytest.mark.parametrize("ask", HISTORY.values(), ids=HISTORY.keys())
def test_the_history_reads_one_page_of_rows(listening: Listening, busy: UUID, ask: Ask) -> None:
    assert read_by(listening, busy, ask) <= 4000


@pytest.mark.parametrize(("hours", "step", "most"), [(1, 60, 300), (24, 900, 5000), (168, 7200, 30_000)])
def test_plots_read_only_their_range(listening: Listening, busy: UUID, hours: int, step: int, most: int) -> None:
    since = NOW - timedelta(hours=hours)
    assert read_by(listening, busy, lambda conn, store: count_finished(conn, store, since, step)) <= most


BEHIND = (1, NOW - timedelta(days=1), new_id())
READS: dict[str, tuple[Ask, int]] = {
    "open logs": (lambda conn, store: list_open_logs(conn, store, 12), 100),
    "how many are open": (count_open, OPEN_LOGS),
    "open items": (count_open_items, 6000),
    "waiting items": (lambda conn, store: page_waiting_items(conn, store, None, PAGE), PAGE),
    "the next of them": (lambda conn, store: page_waiting_items(conn, store, BEHIND, PAGE), PAGE),
    "items in hand": (lambda conn, store: list_items_being_sent(conn, store, PAGE), PAGE),
    "failed groups": (lambda conn, store: list_failed_groups(conn, store, PAGE), 1000),
    "a failed group": (lambda conn, store: list_failed_group(conn, store, "price", "REJECTED", PAGE), 1000),
}


@pytest.mark.parametrize(("ask", "most"), READS.values(), ids=READS.keys())
def test_open_syncs_are_read_from_partial_indexes(listening: Listening, busy: UUID, ask: Ask, most: int) -> None:
    """The outbound page reads no finished items either."""
    assert read_by(listening, busy, ask) <= most


DAY_AGO = NOW - timedelta(hours=24)
ASKED: dict[str, Ask] = {
    "what ended": lambda conn, store: count_finished(conn, store, DAY_AGO, 900),
    "what ended anywhere": lambda conn, _store: count_finished_of_all(conn, DAY_AGO, 900),
    "how many are open anywhere": lambda conn, _store: count_open_of_all(conn),
    "items of all stores": lambda conn, _store: count_items_of_all(conn),
    "how the stores do": lambda conn, _store: list_store_activity(conn, DAY_AGO, 26),
    **{name: ask for name, (ask, _most) in READS.items()},
    **{f"history, {name}": ask for name, ask in HISTORY.items()},
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_every_query_of_the_pages_touches_few_blocks(listening: Listening, busy: UUID, ask: Ask) -> None:
    """Includes SQL functions over all stores, whose plans do not show what they read."""
    plans = explained(listening, busy, ask)
    assert plans
    assert [(plan.blocks, plan.query) for plan in plans if plan.blocks > BLOCKS] == []


def test_recent_failures_are_counted_from_their_index(listening: Listening, busy: UUID) -> None:
    with tenant(listening, busy):
        before = count_scans(listening, "sync_logs_failed")
        (activity,) = list_store_activity(listening, DAY_AGO, 26)
        assert activity.failed > 0
        assert count_scans(listening, "sync_logs_failed") > before
