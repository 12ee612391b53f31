"""With 100,000 logs in a store, every list, poll and lookup reads a few pages: read from plans, not from a clock."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from app.usecases.stores import create_store
from db.catalogue.entity_stats import list_stats
from db.core.tenancy import tenant
from db.insight.explain import get_last_skip, get_log_of_seq, get_stored_record
from db.outbound.batches import list_batches
from db.outbound.item_views import list_failed_items
from db.outbound.push_leases import list_due_stores, list_due_tasks, prune_items, prune_runs
from db.pulls.runs import get_active_pull, list_progress
from db.stores.erasure import delete_customer
from db.stores.stores import get_store
from db.sync.coverage import list_coverage, list_covered
from db.sync.dispatch import admit_waiting, give_up, list_stranded, mend_times, merge_coverage, prune_logs
from db.sync.logs import LogFilter, get_log, list_logs
from db.sync.metadata import list_metadata
from db.sync.record_errors import FROM_THE_START, list_record_errors
from db.sync.stale_arrivals import get_stale_arrival
from tests.conftest import Database
from tests.support.plans import Ask, Listening, explained

pytestmark = pytest.mark.slow  # ten seconds to fill the tables
LOGS = 100_000
WAITING = 500
BIG = {"sync_logs", "sync_record_errors", "pull_pages", "wc_sync_items", "orders", "stale_arrivals"}
MOST_BLOCKS = 400  # of the 5,000 that the logs alone fill
PAGE = 51

FILL = (
    """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, inserted, next_attempt_at, accepted_at)
       SELECT %(store)s, gen_random_uuid(), (ARRAY['orders', 'products'])[1 + i %% 2], 'plugin', 'upsert', 'completed', 10, 10,
              now(), now() - interval '10 days' + i * interval '1 second'
         FROM generate_series(1, %(logs)s) i""",
    """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, phase, received, next_attempt_at)
       SELECT %(store)s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'running', 'queued', 10, now()
         FROM generate_series(1, %(waiting)s)""",
    """UPDATE sync_logs SET enqueued_at = now(), enqueues = 1
        WHERE id IN (SELECT id FROM sync_logs WHERE status = 'running' ORDER BY accepted_seq LIMIT 8)""",
    """INSERT INTO sync_record_errors (store_id, log_id, record_index, external_id, field, code, reason)
       SELECT %(store)s, id, 0, (accepted_seq %% 5000)::text, 'total', 'required', 'is missing'
         FROM sync_logs WHERE status = 'completed' AND accepted_seq %% 5 = 0""",
    """INSERT INTO pull_pages (store_id, log_id, page_no, accepted_seq, records)
       SELECT %(store)s, id, 1, accepted_seq + 1000000, 10
         FROM sync_logs WHERE status = 'completed' AND accepted_seq %% 5 = 1""",
    """INSERT INTO stale_arrivals (store_id, entity, external_id, log_id, offered_version)
       SELECT %(store)s, 'orders', i, gen_random_uuid(), now() FROM generate_series(1, 20000) i""",
    """INSERT INTO sync_coverage (store_id, entity, covered_from, covered_until, mode, log_id, is_complete)
       SELECT %(store)s, 'orders', now() - i * interval '5 minutes', now() - (i - 1) * interval '5 minutes', 'incremental',
              gen_random_uuid(), true
         FROM generate_series(1, 8640) i""",
    """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, created_at)
       SELECT %(store)s, gen_random_uuid(), gen_random_uuid(), 'price', 1, 'completed', now(), now() - interval '1 day'
         FROM generate_series(1, 20000)""",
    """INSERT INTO orders (store_id, id, external_id, date_created, status, total, source_updated_at, accepted_seq,
                           content_hash)
       SELECT %(store)s, gen_random_uuid(), i, now(), 'completed', 1, now(), i, '' FROM generate_series(1, 20000) i""",
)


@pytest.fixture(scope="module")
def busy(database: Database) -> UUID:
    """A store with all that, and a small one beside it."""
    with psycopg.connect(database.url, autocommit=True) as conn:
        create_store(conn, "Small shop", "woocommerce")
        store_id = create_store(conn, "Busy shop", "shopify").store_id
    with psycopg.connect(database.superuser_url, autocommit=True) as conn:
        # Foreign keys are not tested here, and checking them takes longest.
        conn.execute("SET session_replication_role = replica")
        for statement in FILL:
            conn.execute(statement, {"store": store_id, "logs": LOGS, "waiting": WAITING})
        conn.execute("ANALYZE")
    return store_id


def newest_log(conn: Connection, store_id: UUID) -> UUID:
    return list_logs(conn, store_id, LogFilter(), 1)[0].id


LISTS = {
    "all": LogFilter(),
    "a page far back": LogFilter(before=10),
    "one entity": LogFilter(entity="orders"),
    "an entity that has none": LogFilter(entity="customers"),
    "running": LogFilter(status="running"),
    "failed, of which there are none": LogFilter(status="failed"),
    "cancelled, far back": LogFilter(before=50, status="cancelled"),
    "a source that has none": LogFilter(source="tiktok"),
    "a mode that has none": LogFilter(mode="fill"),
    "all four, of which there are none": LogFilter(entity="orders", status="paused", source="shopify", mode="full"),
}
LOOKS: dict[str, Ask] = {
    "one log": lambda conn, store: get_log(conn, store, newest_log(conn, store)),
    "its errors": lambda conn, store: list_record_errors(conn, store, newest_log(conn, store), FROM_THE_START, PAGE),
    "progress of pulls": lambda conn, store: list_progress(conn, store, [newest_log(conn, store)]),
    "the active pull": lambda conn, store: get_active_pull(conn, store, "orders"),
    "status": lambda conn, store: (get_store(conn, store), list_stats(conn, store), list_metadata(conn, store)),
    "coverage": lambda conn, store: (list_coverage(conn, store, "orders", 100), list_covered(conn, store, "orders")),
    "a stored record": lambda conn, store: get_stored_record(conn, store, "orders", 777),
    "who wrote it": lambda conn, store: get_log_of_seq(conn, store, 5),
    "why it was skipped": lambda conn, store: get_last_skip(conn, store, "orders", 4995),
    "a record never skipped": lambda conn, store: get_last_skip(conn, store, "orders", 999_999),
    "a late arrival": lambda conn, store: get_stale_arrival(conn, store, "orders", 777),
    "failed items": lambda conn, store: list_failed_items(conn, store, PAGE),
    "one person to erase": lambda conn, store: delete_customer(conn, store, 4995, []),
    "runs": lambda conn, store: list_batches(conn, store, 20),
}
ACROSS: dict[str, Ask] = {
    "what is stranded": lambda conn, _store: list_stranded(conn, [uuid4()], 5, 500),
    "what waits": lambda conn, _store: admit_waiting(conn, 8),
    "what is spent": lambda conn, _store: give_up(conn, 5, "GAVE_UP", "gave up"),
    "times to come": lambda conn, _store: mend_times(conn),
    "logs to prune": lambda conn, _store: prune_logs(conn, 30, 1000),
    "windows to merge": lambda conn, _store: merge_coverage(conn, 30, 1000),
    "items to prune": lambda conn, _store: prune_items(conn, 30, 1000),
    "runs to prune": lambda conn, _store: prune_runs(conn, 30, 1000),
    "stores to push": lambda conn, _store: list_due_stores(conn, 500),
    "tasks that are due": lambda conn, _store: list_due_tasks(conn, 500),
}


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS.keys())
def test_list_reads_little_more_than_it_returns(listening: Listening, busy: UUID, wanted: LogFilter) -> None:
    (plan,) = explained(listening, busy, lambda conn, store: list_logs(conn, store, wanted, PAGE))
    assert plan.read_whole & BIG == set()
    assert plan.indexes & {"sync_logs_newest", "sync_logs_ended_by_kind"}
    assert plan.blocks < MOST_BLOCKS


@pytest.mark.parametrize("ask", LOOKS.values(), ids=LOOKS.keys())
def test_lookup_reads_a_few_pages(listening: Listening, busy: UUID, ask: Ask) -> None:
    plans = explained(listening, busy, ask)
    assert plans
    assert [plan.query for plan in plans if plan.read_whole & BIG or plan.blocks >= MOST_BLOCKS] == []


@pytest.mark.parametrize("ask", ACROSS.values(), ids=ACROSS.keys())
def test_dispatcher_query_reads_a_few_pages(listening: Listening, busy: UUID, ask: Ask) -> None:
    plans = explained(listening, busy, ask)
    assert plans
    assert [plan.query for plan in plans if plan.blocks >= MOST_BLOCKS] == []


def test_filtered_list_equals_the_filtered_whole(listening: Listening, busy: UUID) -> None:
    """Compares the pages that are merged from kinds with the unfiltered list."""
    with tenant(listening, busy):
        everything = list_logs(listening, busy, LogFilter(), WAITING + 300)
        for wanted in (
            LogFilter(entity="orders"),
            LogFilter(status="completed"),
            LogFilter(source="plugin", mode="upsert"),
        ):
            expected = [
                log.id
                for log in everything
                if wanted.entity in (None, log.entity) and wanted.status in (None, log.status)
            ]
            found: list[UUID] = []
            before = None
            while len(found) < 120:
                page = list_logs(
                    listening, busy, LogFilter(before, wanted.entity, wanted.status, wanted.source, wanted.mode), 40
                )
                found += [log.id for log in page]
                before = page[-1].accepted_seq
            assert found == expected[: len(found)]
