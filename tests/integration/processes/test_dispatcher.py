"""The dispatcher finds what is stranded, leaves alone what is not, and never amplifies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from redis import Redis

from db.core.tenancy import tenant
from db.sync.dispatch import list_stranded
from db.sync.logs import Ticket
from tests.conftest import Database
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, read_log, sync
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher

LONG_AGO = "UPDATE sync_logs SET enqueued_at = now() - interval '1 minute' WHERE enqueued_at IS NOT NULL"


@pytest.fixture
def dispatcher(runtime: Runtime, root_conn: Connection) -> Iterator[Dispatcher]:
    root_conn.execute("DELETE FROM sync_logs")
    yield Dispatcher(runtime.settings, runtime.pool, runtime.wake_up)


def test_what_redis_lost_is_enqueued_again(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute(LONG_AGO)
    dispatcher.tick()
    assert waiting_logs(redis) == [log_id]


def test_what_fails_store_by_store_holds_up_no_batch(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute(LONG_AGO)
    root_conn.execute("ALTER FUNCTION list_due_schedules(integer) RENAME TO list_no_schedules")
    try:
        with pytest.raises(psycopg.errors.UndefinedFunction):
            dispatcher.tick()
    finally:
        root_conn.execute("ALTER FUNCTION list_no_schedules(integer) RENAME TO list_due_schedules")
    assert waiting_logs(redis) == [log_id]


def test_what_waits_in_redis_is_left_alone(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    logs = [accept_batch(runtime, store_id, "orders", [make_order()]) for _ in range(20)]
    root_conn.execute(LONG_AGO)
    for _ in range(3):
        dispatcher.tick()
    assert waiting_logs(redis) == logs[:8]
    assert root_conn.execute("SELECT sum(enqueues) FROM sync_logs").fetchone() == (8,)


def test_what_is_being_processed_is_left_alone(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection, database: Database
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute(LONG_AGO)
    with psycopg.connect(database.url, autocommit=True) as worker, tenant(worker, store_id):
        worker.execute("SELECT FROM sync_logs WHERE id = %s FOR UPDATE", (log_id,))
        dispatcher.tick()
        assert waiting_logs(redis) == []


def test_a_log_lost_again_and_again_is_enqueued_at_growing_intervals(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    accept_batch(runtime, store_id, "orders", [make_order()])
    waits = []
    for _ in range(4):
        redis.flushall()
        for seconds in (1, 2, 4, 8, 16):
            root_conn.execute("UPDATE sync_logs SET enqueued_at = now() - make_interval(secs => %s)", (seconds + 0.5,))
            dispatcher.tick()
            if waiting_logs(redis):
                waits.append(seconds)
                break
    assert waits == [2, 4, 8, 8]


def test_two_dispatchers_at_once_never_take_the_same_log(
    runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection, dispatcher: Dispatcher
) -> None:
    wide = replace(runtime.settings, queue_window=1000)
    for _ in range(60):
        accept_batch(runtime, store_id, "orders", [make_order()])
    Dispatcher(wide, runtime.pool, runtime.wake_up).tick()
    root_conn.execute(LONG_AGO)
    taken: list[Ticket] = []
    barrier = threading.Barrier(4)

    def take() -> None:
        with runtime.pool.connection() as conn:
            barrier.wait()
            taken.extend(list_stranded(conn, [], 5, 20))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len({ticket.log_id for ticket in taken}) > 0


def test_out_of_attempts_a_log_is_given_up_with_a_reason_and_its_payload_kept(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute(
        "UPDATE sync_logs SET attempts = 5, phase = 'processing', next_attempt_at = now() WHERE id = %s", (log_id,)
    )
    dispatcher.tick()
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.error_code) == ("failed", "GAVE_UP")
    assert root_conn.execute("SELECT count(*) FROM sync_payloads").fetchone() == (1,)


def test_windows_of_all_stores_are_filled(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    logs = [accept_batch(runtime, store_id, "orders", [make_order()]) for _ in range(12)]
    redis.flushall()
    root_conn.execute("UPDATE sync_logs SET enqueued_at = NULL, enqueues = 0")
    dispatcher.tick()
    assert waiting_logs(redis) == logs[:8]


def test_without_redis_it_enqueues_nothing_and_goes_on(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    accept_batch(runtime, store_id, "orders", [make_order()])
    runtime.wake_up.closed_until = float("inf")
    root_conn.execute(LONG_AGO)
    dispatcher.tick()
    assert root_conn.execute("SELECT sum(enqueues) FROM sync_logs").fetchone() == (1,)


def test_old_ended_logs_are_pruned_and_running_ones_kept(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection
) -> None:
    ended = sync(runtime, store_id, "orders", [make_order(), {}])
    running = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute("UPDATE sync_logs SET accepted_at = now() - interval '31 days'")
    fresh = sync(runtime, store_id, "orders", [make_order()])
    dispatcher.tick()
    left = {row[0] for row in root_conn.execute("SELECT id FROM sync_logs").fetchall()}
    assert left == {running, fresh.id} and ended.id not in left
    assert root_conn.execute("SELECT count(*) FROM sync_record_errors").fetchone() == (0,)
