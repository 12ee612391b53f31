"""The dispatcher enqueues stranded logs, and nothing else."""

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
from db.sync.dispatch import give_up, list_stranded, mend_times
from db.sync.logs import Ticket
from tests.conftest import Database
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, read_log, sync
from tests.support.pulls import start
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher
from workers.pulls.start import Wanted

LONG_AGO = "UPDATE sync_logs SET enqueued_at = now() - interval '1 minute' WHERE enqueued_at IS NOT NULL"


@pytest.fixture
def dispatcher(runtime: Runtime, root_conn: Connection) -> Iterator[Dispatcher]:
    root_conn.execute("DELETE FROM sync_logs")
    yield Dispatcher(runtime.settings, runtime.pool, runtime.wake_up)


def test_log_lost_by_redis_is_enqueued_again(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute(LONG_AGO)
    dispatcher.tick()
    assert waiting_logs(redis) == [log_id]


def test_failing_schedules_delay_no_batch(
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


def test_log_that_waits_in_redis_is_not_enqueued(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    logs = [accept_batch(runtime, store_id, "orders", [make_order()]) for _ in range(20)]
    root_conn.execute(LONG_AGO)
    for _ in range(3):
        dispatcher.tick()
    assert waiting_logs(redis) == logs[:8]
    assert root_conn.execute("SELECT sum(enqueues) FROM sync_logs").fetchone() == (8,)


def test_log_being_processed_is_not_enqueued(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection, database: Database
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute(LONG_AGO)
    with psycopg.connect(database.url, autocommit=True) as worker, tenant(worker, store_id):
        worker.execute("SELECT FROM sync_logs WHERE id = %s FOR UPDATE", (log_id,))
        dispatcher.tick()
        assert waiting_logs(redis) == []


def test_log_lost_repeatedly_is_enqueued_less_often(
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


def test_concurrent_dispatchers_never_take_the_same_log(
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


DUE = "UPDATE sync_logs SET attempts = %s, next_attempt_at = now(), enqueued_at = now() - interval '1 minute'"
END = "UPDATE sync_logs SET status = %s, phase = NULL, error_code = 'INTERNAL'"


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "paused"])
def test_log_that_is_not_running_is_left_alone(
    dispatcher: Dispatcher, runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, status: str
) -> None:
    start(runtime, store_id, Wanted("orders", "incremental"))
    root_conn.execute(DUE, (5,))
    root_conn.execute(END, (status,))
    assert list_stranded(conn, [], 6, 20) == []
    assert give_up(conn, 5, "X", "x") == []


def test_log_is_given_up_after_its_last_attempt(
    dispatcher: Dispatcher, runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID
) -> None:
    log_id = start(runtime, store_id, Wanted("orders", "incremental"))
    root_conn.execute(DUE, (4,))
    assert give_up(conn, 5, "X", "x") == []
    assert [ticket.log_id for ticket in list_stranded(conn, [], 5, 20)] == [log_id]
    root_conn.execute(DUE, (5,))
    assert list_stranded(conn, [], 5, 20) == []
    assert give_up(conn, 5, "X", "x") == [(store_id, log_id)]


@pytest.mark.parametrize(
    ("attempts", "accepted", "enqueued", "mended"),
    [
        (0, "1 hour", "1 hour", 1),
        (1, "1 hour", "1 hour", 1),
        (0, "1 hour", "-1 minute", 1),  # admitted after the clock was set back
        (1, "-1 minute", "-1 minute", 0),  # waits for its next attempt
        (0, "-1 minute", "-1 minute", 0),
    ],
)
def test_times_to_come_are_mended_after_the_clock_was_set_back(
    dispatcher: Dispatcher, runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID,
    attempts: int, accepted: str, enqueued: str, mended: int,
) -> None:  # fmt: skip
    accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute(
        """UPDATE sync_logs SET attempts = %s, accepted_at = now() + %s::interval, enqueued_at = now() + %s::interval,
                                next_attempt_at = now() + interval '1 hour'""",
        (attempts, accepted, enqueued),
    )
    assert mend_times(conn) == mended
    query = "SELECT next_attempt_at <= now() AND enqueued_at <= now() FROM sync_logs"
    assert root_conn.execute(query).fetchone() == (mended == 1,)


def test_log_without_attempts_left_keeps_its_payload(
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


def test_dispatcher_continues_without_redis(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, redis: Redis, root_conn: Connection
) -> None:
    accept_batch(runtime, store_id, "orders", [make_order()])
    runtime.wake_up.closed_until = float("inf")
    root_conn.execute(LONG_AGO)
    dispatcher.tick()
    assert root_conn.execute("SELECT sum(enqueues) FROM sync_logs").fetchone() == (1,)


def test_only_old_ended_logs_are_pruned(
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
