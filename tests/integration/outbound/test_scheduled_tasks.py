"""The dispatcher's outbound tasks: waking workers for due stores, schedules that run once, pruning."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from redis import Redis

from app.usecases.stores import CreatedStore
from db.core.pool import Pool, open_pool
from db.core.tenancy import tenant
from db.outbound.items import lock_items
from db.outbound.push_leases import claim_task, plan_task
from tests.conftest import Database
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import connect_shop, make_erp_product, put_products, statuses, with_key
from workers.core.runtime import Runtime
from workers.core.timing import next_run
from workers.outbound.scheduled_tasks import TASKS, run_task
from workers.outbound.sending.push_store import push_store
from workers.processes.slow_tick import SlowTick

PUSH_QUEUE = "rq:queue:push"


@pytest.fixture
def slow(runtime: Runtime) -> SlowTick:
    return SlowTick(runtime.settings, runtime.pool, runtime.wake_up)


@pytest.fixture
def connected_store(root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce) -> UUID:
    # Stores of earlier tests: a task that is due there would wake their workers too.
    root_conn.execute("DELETE FROM wc_schedules")
    root_conn.execute("DELETE FROM wc_sync_items")
    return store_id


def test_a_lost_wake_up_is_replaced_once(slow: SlowTick, runtime: Runtime, connected_store: UUID, redis: Redis) -> None:
    put_products(runtime, connected_store, [make_erp_product()])
    for _ in range(3):
        slow.run()
    assert redis.llen(PUSH_QUEUE) == 1


def test_a_store_with_a_lease_is_not_enqueued(
    slow: SlowTick, runtime: Runtime, connected_store: UUID, redis: Redis, root_conn: Connection
) -> None:
    put_products(runtime, connected_store, [make_erp_product()])
    root_conn.execute(
        "INSERT INTO wc_push_leases VALUES (%s, gen_random_uuid(), now() + interval '1 minute')", (connected_store,)
    )
    slow.run()
    assert redis.llen(PUSH_QUEUE) == 0


def test_a_missed_schedule_runs_once(
    slow: SlowTick, runtime: Runtime, connected_store: UUID, root_conn: Connection
) -> None:
    put_products(runtime, connected_store, [make_erp_product() for _ in range(3)])
    assert run_task(runtime.pool, connected_store, "full") == []  # a store's first time only plans the task
    count = "SELECT count(*) FROM wc_sync_batches WHERE store_id = %s AND kind = 'full'"
    assert root_conn.execute(count, (connected_store,)).fetchone() == (0,)
    root_conn.execute("UPDATE wc_schedules SET next_run_at = now() - interval '3 days'")
    for _ in range(3):
        slow.run()
    assert root_conn.execute(count, (connected_store,)).fetchone() == (1,)


def test_a_task_locked_by_another_dispatcher_is_skipped(
    runtime: Runtime, connected_store: UUID, conn: Connection, root_conn: Connection
) -> None:
    root_conn.execute("INSERT INTO wc_schedules VALUES (%s, 'full', now() - interval '1 s')", (connected_store,))
    with tenant(conn, connected_store), tenant(root_conn, connected_store):
        assert claim_task(conn, connected_store, "full", datetime.now(UTC) + timedelta(days=1))
        root_conn.execute(b"SET LOCAL lock_timeout = '1s'")
        plan_task(root_conn, connected_store, "full", datetime.now(UTC))
        assert not claim_task(root_conn, connected_store, "full", datetime.now(UTC))


def test_a_locked_store_does_not_delay_others(
    runtime: Runtime,
    database: Database,
    conn: Connection,
    root_conn: Connection,
    store_id: UUID,
    other_store: CreatedStore,
) -> None:
    root_conn.execute("DELETE FROM wc_sync_items")
    with FakeWooCommerce() as shop, short_lock_timeout(database) as pool:
        for one in (store_id, other_store.store_id):
            connect_shop(conn, root_conn, one, shop)
            root_conn.execute("INSERT INTO wc_schedules VALUES (%s, 'retry', now() - interval '1 s')", (one,))
        with tenant(conn, store_id):
            lock_items(conn, store_id)
            SlowTick(runtime.settings, pool, runtime.wake_up).run()
    due = "SELECT store_id FROM wc_schedules WHERE task = 'retry' AND next_run_at <= now() AND store_id = ANY (%s)"
    assert root_conn.execute(due, ([store_id, other_store.store_id],)).fetchall() == [(store_id,)]


@contextmanager
def short_lock_timeout(database: Database) -> Iterator[Pool]:
    """Connections that give up on a lock after 200 ms."""
    pool = open_pool(make_conninfo(database.url, options="-c lock_timeout=200"), 2, "test")
    try:
        yield pool
    finally:
        pool.close()


def test_retryable_items_are_retried_after_a_minute(
    runtime: Runtime, connected_store: UUID, root_conn: Connection
) -> None:
    put_products(runtime, connected_store, [make_erp_product() for _ in range(3)])
    fail = """UPDATE wc_sync_items i SET status = 'failed', error_code = 'X', retryable = n.number <> 1,
                     last_attempt = now() - n.number * interval '50 s'
                FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM wc_sync_items WHERE store_id = %s) n
               WHERE i.id = n.id"""
    root_conn.execute(fail, (connected_store,))
    root_conn.execute("INSERT INTO wc_schedules VALUES (%s, 'retry', now() - interval '1 s')", (connected_store,))
    run_task(runtime.pool, connected_store, "retry")
    assert statuses(root_conn, connected_store) == {"failed": 1, "pending": 2}


def test_missed_deadlines_are_counted_by_cause(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, connected_store: UUID
) -> None:
    """As the metrics read them, over all stores."""
    put_products(runtime, connected_store, [make_erp_product() for _ in range(3)])
    late = """UPDATE wc_sync_items SET due_at = created_at,
                     created_at = CASE WHEN number = 1 THEN created_at - interval '1 hour' ELSE created_at END,
                     backoff_seconds = CASE WHEN number = 2 THEN 100 ELSE 0 END
                FROM (SELECT id AS late_id, row_number() OVER (ORDER BY id) AS number FROM wc_sync_items) n
               WHERE id = late_id AND number < 3"""
    root_conn.execute(late)
    open_items = conn.execute("SELECT * FROM measure_outbound()").fetchall()
    assert [row[:4] for row in open_items] == [("product", "pending", 3, 2)]
    push_store(with_key(runtime), connected_store)
    assert sorted(conn.execute("SELECT * FROM measure_breaches('1 hour')").fetchall()) == [
        ("product", "backoff", 1),
        ("product", "queue", 1),
    ]
    assert conn.execute("SELECT * FROM measure_outbound()").fetchall() == []


def test_orders_are_pulled_on_schedule(runtime: Runtime, connected_store: UUID, root_conn: Connection) -> None:
    root_conn.execute("INSERT INTO wc_schedules VALUES (%s, 'orders', now() - interval '1 s')", (connected_store,))
    assert run_task(runtime.pool, connected_store, "orders", is_full=True) == []
    root_conn.execute("UPDATE wc_schedules SET next_run_at = now() - interval '1 minute'")
    [ticket] = run_task(runtime.pool, connected_store, "orders")
    assert (ticket.entity, ticket.queue) == ("orders", "pull")


@pytest.mark.parametrize(
    ("task", "now", "wanted"),
    [
        ("full", "2026-03-01T02:59:59", "2026-03-01T03:00:00"),
        ("full", "2026-03-01T03:00:00", "2026-03-02T03:00:00"),
        ("retry", "2026-03-01T03:00:00", "2026-03-01T03:30:00"),
        ("retry", "2026-03-01T23:59:00", "2026-03-02T00:00:00"),
        ("orders", "2026-03-01T03:04:59", "2026-03-01T03:05:00"),
    ],
)
def test_scheduled_times_keep_to_the_clock(task: str, now: str, wanted: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_run(TASKS[task], moment, moment) == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


def test_old_ended_items_are_pruned(
    slow: SlowTick, runtime: Runtime, connected_store: UUID, root_conn: Connection
) -> None:
    put_products(runtime, connected_store, [make_erp_product() for _ in range(2)])
    root_conn.execute("UPDATE wc_sync_items SET created_at = now() - interval '40 days'")
    root_conn.execute(
        "UPDATE wc_sync_items SET status = 'completed' WHERE id = (SELECT min(id::text)::uuid FROM wc_sync_items)"
    )
    slow.run()
    assert statuses(root_conn, connected_store) == {"pending": 1}
