"""Old ended rows are deleted with everything that belongs to them, in bounded steps; open ones stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from app.usecases.stores import CreatedStore
from db.core.tenancy import tenant
from db.outbound.push_leases import prune_items, prune_runs
from db.sync.coverage import list_covered
from db.sync.dispatch import merge_coverage, prune_logs
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, sync
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher

AGE = "UPDATE sync_logs SET accepted_at = now() - interval '31 days' WHERE store_id = %s"
OLD_LOGS = """INSERT INTO sync_logs (store_id, id, entity, source, mode, status, received, next_attempt_at, accepted_at)
              SELECT %s, gen_random_uuid(), 'orders', 'plugin', 'upsert', 'completed', 0, now(), now() - interval '40 days'
                FROM generate_series(1, %s)"""
RUN = """INSERT INTO wc_sync_batches (store_id, id, kind, status, created_at)
         VALUES (%s, %s, %s, %s, now() - interval '40 days') RETURNING id"""
ITEM = """INSERT INTO wc_sync_items (store_id, id, product_id, sync_type, priority, status, due_at, batch_id, created_at)
          VALUES (%s, gen_random_uuid(), gen_random_uuid(), 'price', 1, %s, now(), %s, now() - interval '40 days')"""


@pytest.fixture(autouse=True)
def empty(root_conn: Connection) -> None:
    root_conn.execute(
        "DELETE FROM sync_logs; DELETE FROM wc_sync_items; DELETE FROM wc_sync_batches; DELETE FROM sync_coverage"
    )


def count(root_conn: Connection, table: str) -> int:
    row = root_conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_pruned_log_takes_its_rows_with_it(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    failed = accept_batch(runtime, store_id, "orders", [make_order()], key="once")
    root_conn.execute(
        "UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL' WHERE id = %s", (failed,)
    )
    sync(runtime, store_id, "orders", [{}])
    root_conn.execute(
        "INSERT INTO pull_pages (store_id, log_id, page_no, accepted_seq, records) VALUES (%s, %s, 1, 1, 1)",
        (store_id, failed),
    )
    root_conn.execute(AGE, (store_id,))
    Dispatcher(runtime.settings, runtime.pool, runtime.wake_up).tick()
    tables = ("sync_logs", "sync_payloads", "sync_record_errors", "pull_pages")
    assert {table: count(root_conn, table) for table in tables} == dict.fromkeys(tables, 0)
    # The key may be used again, even for another batch.
    assert accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=2)], key="once") != failed


def test_old_logs_are_pruned_in_bounded_steps(
    conn: Connection, runtime: Runtime, store_id: UUID, other_store: CreatedStore, root_conn: Connection
) -> None:
    for store in (store_id, other_store.store_id):
        root_conn.execute(OLD_LOGS, (store, 120))
        sync(runtime, store, "orders", [make_order()])
        accept_batch(runtime, store, "orders", [make_order()])
    assert [prune_logs(conn, 30, 100) for _ in range(4)] == [100, 100, 40, 0]
    assert count(root_conn, "sync_logs") == 4


def test_ended_run_is_pruned_once_its_items_are_gone(conn: Connection, store_id: UUID, root_conn: Connection) -> None:
    made = {
        kind: root_conn.execute(RUN, (store_id, uuid4(), *kind)).fetchone()
        for kind in (("full", "completed"), ("hold", "released"), ("full", "syncing"), ("hold", "needs_approval"))
    }
    ended = made[("full", "completed")]
    assert ended is not None
    root_conn.execute(ITEM, (store_id, "completed", ended[0]))
    assert (prune_runs(conn, 30, 100), prune_items(conn, 50, 100)) == (1, 0)
    assert count(root_conn, "wc_sync_batches") == 3
    assert (prune_items(conn, 30, 100), prune_runs(conn, 30, 100), prune_runs(conn, 30, 100)) == (1, 1, 0)
    left = {row[0] for row in root_conn.execute("SELECT status FROM wc_sync_batches").fetchall()}
    assert left == {"syncing", "needs_approval"}


@pytest.mark.parametrize("status", ["approved", "rejected", "released"])
def test_decided_hold_is_pruned_once_its_items_are_gone(
    conn: Connection, store_id: UUID, root_conn: Connection, status: str
) -> None:
    root_conn.execute(RUN, (store_id, uuid4(), "hold", status))
    assert prune_runs(conn, 50, 100) == 0
    assert prune_runs(conn, 30, 100) == 1
    assert count(root_conn, "wc_sync_batches") == 0


WINDOW = """INSERT INTO sync_coverage (store_id, entity, covered_from, covered_until, mode, log_id, is_complete, recorded_at)
            VALUES (%s, %s, %s, %s, 'incremental', gen_random_uuid(), %s, %s)"""
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


def day(number: int | None) -> datetime | None:
    return None if number is None else LONG_AGO + timedelta(days=number)


def test_old_adjacent_windows_are_merged(
    conn: Connection, store_id: UUID, other_store: CreatedStore, root_conn: Connection
) -> None:
    old, now = LONG_AGO, datetime.now(UTC)
    parts = [(None, 2), (2, 3), (1, 4), (6, 7), (7, 9), (9, 9), (20, 21)]  # a gap, an overlap, an empty one
    for begin, end in parts:
        root_conn.execute(WINDOW, (store_id, "orders", day(begin), day(end), True, old))
    root_conn.execute(WINDOW, (store_id, "orders", day(4), day(6), False, old))  # incomplete: it fills no gap
    root_conn.execute(WINDOW, (store_id, "orders", day(21), now, True, now))  # young
    root_conn.execute(WINDOW, (store_id, "products", day(4), day(6), True, old))
    root_conn.execute(WINDOW, (other_store.store_id, "orders", day(4), day(6), True, old))
    before = covered(conn, store_id)
    assert [merge_coverage(conn, 30, 100) for _ in range(2)] == [3, 0]
    assert covered(conn, store_id) == before
    assert len(before) == 3
    assert count(root_conn, "sync_coverage") == 9 + 2 - 3


def covered(conn: Connection, store_id: UUID) -> list[tuple[datetime | None, datetime]]:
    with tenant(conn, store_id):
        return list_covered(conn, store_id, "orders")
