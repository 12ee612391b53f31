"""The database's clock set an hour forward or back: no log is recovered without need, and none waits."""

from __future__ import annotations

from uuid import UUID

import pytest
from psycopg import Connection
from redis import Redis

from db.core.tenancy import tenant
from db.sync.logs import begin_attempt
from tests.faults.harm import set_clock
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch, read_log
from tests.support.waiting import wait_until
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process
from workers.processes.dispatcher import Dispatcher

HOURS = pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])


@pytest.fixture
def dispatcher(runtime: Runtime, root_conn: Connection) -> Dispatcher:
    root_conn.execute("DELETE FROM sync_logs")
    return Dispatcher(runtime.settings, runtime.pool, runtime.wake_up)


def accept_orders(runtime: Runtime, store_id: UUID, count: int) -> list[UUID]:
    return [accept_batch(runtime, store_id, "orders", [make_order(wc_order_id=key + 1)]) for key in range(count)]


def enqueues(root_conn: Connection) -> list[int]:
    return [row[0] for row in root_conn.execute("SELECT enqueues FROM sync_logs ORDER BY accepted_seq").fetchall()]


@HOURS
def test_waiting_logs_start_at_once(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis, hours: int
) -> None:
    """Ten logs: eight wait in Redis, two to be admitted."""
    logs = accept_orders(runtime, store_id, 10)
    set_clock(root_conn, hours)
    for _ in range(3):
        dispatcher.tick()
    assert (waiting_logs(redis), enqueues(root_conn)) == (logs[:8], [1] * 8 + [0] * 2)
    assert [process(runtime, store_id, log_id) for log_id in logs] == [Outcome.COMPLETED] * 10


@HOURS
def test_a_log_lost_by_redis_is_found_in_the_usual_time(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis, hours: int
) -> None:
    logs = accept_orders(runtime, store_id, 8)
    set_clock(root_conn, hours)
    redis.flushall()
    wait_until(lambda: len(waiting_after_a_tick(dispatcher, redis)) == 8, 5.0, "all to be handed out again")
    assert (sorted(waiting_logs(redis)), enqueues(root_conn)) == (sorted(logs), [2] * 8)


def waiting_after_a_tick(dispatcher: Dispatcher, redis: Redis) -> list[UUID]:
    dispatcher.tick()
    return waiting_logs(redis)


@HOURS
def test_a_retry_is_made_no_more_often_than_usual(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis, hours: int
) -> None:
    (log_id,) = accept_orders(runtime, store_id, 1)
    begin(runtime, store_id, log_id, 60.0)
    redis.flushall()
    set_clock(root_conn, hours)
    wait_until(lambda: waiting_after_a_tick(dispatcher, redis), 5.0, "the log to be handed out again")
    begin(runtime, store_id, log_id, 60.0)
    redis.flushall()
    for _ in range(3):
        dispatcher.tick()
    assert waiting_logs(redis) == [], "the pause before the third attempt was cut short"
    assert read_log(runtime, store_id, log_id).attempts == 2


def begin(runtime: Runtime, store_id: UUID, log_id: UUID, pause: float) -> None:
    """Count an attempt that has no result; the next is due after the pause."""
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        assert begin_attempt(conn, store_id, log_id, 5, [pause]) is not None


def test_a_running_log_is_left_to_its_worker(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis
) -> None:
    (log_id,) = accept_orders(runtime, store_id, 1)
    redis.flushall()
    set_clock(root_conn, -1)
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        conn.execute("SELECT FROM sync_logs WHERE id = %s FOR UPDATE", (log_id,))
        for _ in range(3):
            dispatcher.tick()
    assert (waiting_logs(redis), enqueues(root_conn)) == ([], [1])
