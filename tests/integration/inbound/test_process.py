"""One attempt at a log: claimed by its row lock, and decided once, in the log."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql

from db.core.pool import open_pool
from db.core.tenancy import tenant
from db.stores.stores import get_store
from db.sync.logs import begin_attempt, cancel_log, claim_log, retry_log
from tests.conftest import Database
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, read_log, sync
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

DUE = "UPDATE sync_logs SET next_attempt_at = now() - interval '1 second' WHERE id = %s"


def test_log_of_another_worker_is_skipped(runtime: Runtime, store_id: UUID, database: Database) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with psycopg.connect(database.url, autocommit=True) as other, tenant(other, store_id):
        other.execute("SELECT FROM sync_logs WHERE id = %s FOR UPDATE", (log_id,))
        assert process(runtime, store_id, log_id) is Outcome.NOT_NOW
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED


def test_completed_log_is_not_processed_again(runtime: Runtime, store_id: UUID) -> None:
    log = sync(runtime, store_id, "orders", [make_order()])
    assert process(runtime, store_id, log.id) is Outcome.NOT_NOW


def test_cancelled_log_has_no_effect(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert cancel_log(conn, store_id, log_id)
    assert process(runtime, store_id, log_id) is Outcome.NOT_NOW
    assert root_conn.execute("SELECT count(*) FROM orders WHERE store_id = %s", (store_id,)).fetchone() == (0,)


def test_overtaken_attempt_claims_nothing(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        first = begin_attempt(conn, store_id, log_id, 5, [2.0])
    root_conn.execute(DUE, (log_id,))
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        second = begin_attempt(conn, store_id, log_id, 5, [2.0])
        assert first is not None and second is not None
        assert claim_log(conn, store_id, log_id, first.number) is None
        assert claim_log(conn, store_id, log_id, second.number) is not None


def test_log_that_is_not_due_waits(runtime: Runtime, store_id: UUID) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        begin_attempt(conn, store_id, log_id, 5, [60.0])
    assert process(runtime, store_id, log_id) is Outcome.NOT_NOW


def test_no_attempt_starts_after_the_last_one(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute("UPDATE sync_logs SET attempts = 5 WHERE id = %s", (log_id,))
    assert process(runtime, store_id, log_id) is Outcome.NOT_NOW


def test_lock_timeout_is_retried_later(
    runtime: Runtime, store_id: UUID, database: Database, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute("ALTER ROLE sluice_app SET lock_timeout = '100ms'")
    try:
        with psycopg.connect(database.superuser_url) as other:
            other.execute("LOCK TABLE orders")
            fresh = replace(runtime, pool=open_pool(database.url, 2, "impatient"))
            assert process(fresh, store_id, log_id) is Outcome.RETRYING
            fresh.pool.close()
    finally:
        root_conn.execute("ALTER ROLE sluice_app SET lock_timeout = '10s'")
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.phase, log.error_code) == ("running", "retrying", "TEMPORARILY_UNAVAILABLE")
    assert log.next_attempt_at > log.accepted_at


def test_permanent_failure_fails_the_log_with_a_message(
    runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute("REVOKE INSERT ON orders FROM sluice_app")
    try:
        assert process(runtime, store_id, log_id) is Outcome.FAILED
    finally:
        root_conn.execute("GRANT INSERT ON orders TO sluice_app")
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.error_code) == ("failed", "INTERNAL")
    assert log.error_message is not None and "permission" not in log.error_message
    kept = root_conn.execute("SELECT count(*) FROM sync_payloads WHERE log_id = %s", (log_id,)).fetchone()
    assert kept == (1,)


def test_retried_log_keeps_its_place_and_completes(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    before = read_log(runtime, store_id, log_id)
    root_conn.execute(
        "UPDATE sync_logs SET status = 'failed', phase = NULL, error_code = 'INTERNAL' WHERE id = %s", (log_id,)
    )
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert retry_log(conn, store_id, log_id) is not None
        assert retry_log(conn, store_id, log_id) is None
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED
    assert read_log(runtime, store_id, log_id).accepted_seq == before.accepted_seq


def test_failed_attempt_leaves_nothing(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute("REVOKE UPDATE ON stores FROM sluice_app")  # the last statement of the transaction
    try:
        assert process(runtime, store_id, log_id) is Outcome.FAILED
    finally:
        root_conn.execute("GRANT UPDATE ON stores TO sluice_app")
    for table in ("orders", "order_items", "entity_stats", "sync_record_errors"):
        count = root_conn.execute(f"SELECT count(*) FROM {table} WHERE store_id = %s".encode(), (store_id,)).fetchone()
        assert count == (0,), table
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        store = get_store(conn, store_id)
    assert store is not None and store.last_sync_at is None


def test_completed_batch_counts_for_its_store(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    times = ("2026-01-15T10:00:00Z", "2026-01-15T12:00:00Z", "2026-01-15T11:00:00Z")
    log = sync(
        runtime, store_id, "orders", [make_order(wc_order_id=n, date_modified=at) for n, at in enumerate(times, 1)]
    )
    facts = """SELECT e.record_count, e.records_synced, e.last_record_time = '2026-01-15T12:00:00Z', s.last_sync_at IS NOT NULL
                 FROM stores s JOIN entity_stats e ON e.store_id = s.id AND e.entity = 'orders' WHERE s.id = %s"""
    assert root_conn.execute(facts, (store_id,)).fetchone() == (3, 3, True, True)
    assert root_conn.execute("SELECT FROM sync_payloads WHERE log_id = %s", (log.id,)).fetchone() is None


def test_log_with_wrong_counts_cannot_complete(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    with pytest.raises(psycopg.errors.CheckViolation):
        root_conn.execute("UPDATE sync_logs SET status = 'completed', phase = NULL WHERE id = %s", (log_id,))


def test_workers_with_the_same_new_rows_both_complete(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    logs = [
        accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=key, total=n) for key in range(1, 200)])
        for n in (1, 2)
    ]
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda log_id=log_id: outcomes.append(process(runtime, store_id, log_id)))
        for log_id in reversed(logs)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(outcomes) == 2, 20, "both")
    assert outcomes == [Outcome.COMPLETED] * 2
    totals = root_conn.execute("SELECT DISTINCT total FROM orders WHERE store_id = %s", (store_id,)).fetchall()
    assert totals == [(2,)]
    inserted = root_conn.execute("SELECT sum(inserted) FROM sync_logs WHERE store_id = %s", (store_id,)).fetchone()
    assert inserted == (199,)


@pytest.mark.parametrize("column", ["entity", "source", "queue", "mode", "status", "phase"])
def test_log_with_an_unknown_word_is_not_stored(
    runtime: Runtime, store_id: UUID, root_conn: Connection, column: str
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    change = sql.SQL("UPDATE sync_logs SET {} = 'unheard' WHERE id = %s").format(sql.Identifier(column))
    with pytest.raises(psycopg.errors.CheckViolation, match="known_values"):
        root_conn.execute(change, (log_id,))
