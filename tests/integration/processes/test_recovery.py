"""Dispatcher and worker together: failed logs are retried when due, windows hold, and no data gets into logs."""

from __future__ import annotations

import io
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from uuid import UUID

import psycopg
import pytest
import structlog
from psycopg import Connection
from redis import Redis

from app.settings.logs import SHARED, logging_dict
from app.usecases.stores import CreatedStore
from tests.conftest import Database
from tests.support.factories import CHANGED_FIELDS, MAKERS, TEXT_FIELDS, make_customer, make_order
from tests.support.pipeline import accept_batch, read_log, sync
from workers.core.queues import waiting_logs
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process
from workers.processes.dispatcher import Dispatcher

SECRET = "zebra crossing"


@pytest.fixture
def dispatcher(runtime: Runtime, root_conn: Connection) -> Dispatcher:
    root_conn.execute("DELETE FROM sync_logs")
    return Dispatcher(runtime.settings, runtime.pool, runtime.wake_up)


def interrupted(runtime: Runtime, root_conn: Connection, store_id: UUID) -> UUID:
    """A log whose first attempt was counted but did nothing, and which is due again."""
    log_id = accept_batch(runtime, store_id, "orders", [make_order()])
    root_conn.execute(
        """UPDATE sync_logs SET attempts = 1, phase = 'processing', next_attempt_at = now(),
                                enqueued_at = now() - interval '10 seconds' WHERE id = %s""",
        (log_id,),
    )
    return log_id


def test_log_of_a_dead_worker_is_retried_and_completes(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis
) -> None:
    log_id = interrupted(runtime, root_conn, store_id)
    redis.flushall()
    dispatcher.tick()
    assert waiting_logs(redis) == [log_id]
    assert read_log(runtime, store_id, log_id).phase == "retrying"
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED
    assert read_log(runtime, store_id, log_id).attempts == 2


def test_log_that_is_not_due_is_not_enqueued(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis
) -> None:
    log_id = interrupted(runtime, root_conn, store_id)
    root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() + interval '1 minute' WHERE id = %s", (log_id,))
    redis.flushall()
    dispatcher.tick()
    assert waiting_logs(redis) == []


def test_log_that_kills_its_worker_is_tried_five_times(
    dispatcher: Dispatcher, runtime: Runtime, store_id: UUID, root_conn: Connection, redis: Redis
) -> None:
    log_id = interrupted(runtime, root_conn, store_id)
    enqueued = 0
    for attempt in range(1, 7):
        redis.flushall()
        again = "UPDATE sync_logs SET attempts = %s, next_attempt_at = now(), enqueued_at = now() - interval '1 minute'"
        root_conn.execute(again.encode() + b" WHERE status = 'running'", (attempt,))
        dispatcher.tick()
        enqueued += len(waiting_logs(redis))
    assert enqueued == 4  # after attempts 1 to 4; the first was enqueued when it was accepted
    assert read_log(runtime, store_id, log_id).error_code == "GAVE_UP"


def unadmitted(runtime: Runtime, root_conn: Connection, redis: Redis, stores: list[UUID], each: int) -> None:
    """So many logs of each store, none of them in Redis."""
    for store_id in stores:
        for _ in range(each):
            accept_batch(runtime, store_id, "orders", [make_order()])
    redis.flushall()
    root_conn.execute("UPDATE sync_logs SET enqueued_at = NULL, enqueues = 0")


def owners(root_conn: Connection, redis: Redis) -> Counter[UUID]:
    """The number of entries in Redis by store."""
    owner: dict[UUID, UUID] = dict(root_conn.execute("SELECT id, store_id FROM sync_logs").fetchall())
    return Counter(owner[log_id] for log_id in waiting_logs(redis))


def test_each_store_has_its_own_window(
    dispatcher: Dispatcher,
    runtime: Runtime,
    store_id: UUID,
    other_store: CreatedStore,
    root_conn: Connection,
    redis: Redis,
) -> None:
    unadmitted(runtime, root_conn, redis, [store_id], 12)
    unadmitted(runtime, root_conn, redis, [other_store.store_id], 3)
    dispatcher.tick()
    assert owners(root_conn, redis) == {store_id: 8, other_store.store_id: 3}


def test_concurrent_ticks_admit_each_log_once(
    dispatcher: Dispatcher,
    runtime: Runtime,
    store_id: UUID,
    other_store: CreatedStore,
    root_conn: Connection,
    redis: Redis,
) -> None:
    unadmitted(runtime, root_conn, redis, [store_id, other_store.store_id], 20)
    barrier = threading.Barrier(3)

    def tick() -> None:
        barrier.wait()
        dispatcher.tick()

    threads = [threading.Thread(target=tick) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = waiting_logs(redis)
    assert len(waiting) == len(set(waiting)) >= 16
    assert root_conn.execute("SELECT max(enqueues) FROM sync_logs").fetchone() == (1,)


@pytest.fixture
def log_lines() -> Iterator[Callable[[], str]]:
    """What the process logs, through production's processors and formatter."""
    line = logging_dict("INFO", "json")["formatters"]["line"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=line["processors"]))
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logging.getLogger("workers").addHandler(handler)
    yield stream.getvalue
    logging.getLogger("workers").removeHandler(handler)
    structlog.reset_defaults()


def test_value_of_a_refused_row_is_never_shown(
    runtime: Runtime, store_id: UUID, root_conn: Connection, database: Database, log_lines: Callable[[], str]
) -> None:
    rule = "ALTER TABLE orders ADD CONSTRAINT odd CHECK (status <> 'zebra crossing') NOT VALID"
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(rule)
        try:
            log = sync(runtime, store_id, "orders", [make_order(status=SECRET), make_order(wc_order_id=2)])
        finally:
            owner.execute("ALTER TABLE orders DROP CONSTRAINT odd")
    written = log_lines()
    kept = root_conn.execute("SELECT e::text FROM sync_record_errors e WHERE log_id = %s", (log.id,)).fetchall()
    assert (log.inserted, log.invalid, len(kept)) == (1, 1, 1)
    assert "batch_refused_by_database" in written
    assert SECRET not in written + repr(kept)


def test_text_of_an_exception_is_never_shown(
    runtime: Runtime, store_id: UUID, root_conn: Connection, log_lines: Callable[[], str]
) -> None:
    root_conn.execute(
        """CREATE FUNCTION burst() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN RAISE EXCEPTION 'zebra crossing: %', NEW; END $$"""
    )
    root_conn.execute("CREATE TRIGGER burst BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION burst()")
    log_id = accept_batch(runtime, store_id, "customers", [make_customer()])
    try:
        assert process(runtime, store_id, log_id) is Outcome.FAILED
    finally:
        root_conn.execute("DROP TRIGGER burst ON customers; DROP FUNCTION burst()")
    log, written = read_log(runtime, store_id, log_id), log_lines()
    assert "RaiseException" in written
    assert SECRET not in written + repr(log)


@pytest.mark.parametrize("entity", MAKERS)
def test_populate_never_overwrites_any_entity(
    runtime: Runtime, store_id: UUID, root_conn: Connection, entity: str
) -> None:
    sync(runtime, store_id, entity, [MAKERS[entity]()])
    query = f"SELECT t::text, xmin::text FROM {entity} t WHERE store_id = %s".encode()
    before = root_conn.execute(query, (store_id,)).fetchall()
    changed = {TEXT_FIELDS[entity]: "new"}
    if entity in CHANGED_FIELDS:
        changed[CHANGED_FIELDS[entity]] = "2026-02-01T00:00:00Z"
    log = sync(runtime, store_id, entity, [MAKERS[entity](**changed)], "populate")
    assert (log.existing, log.records_skipped, log.records_synced) == (1, 1, 0)
    assert root_conn.execute(query, (store_id,)).fetchall() == before


def test_populate_keeps_rows_written_after_acceptance(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    populate = accept_batch(runtime, store_id, "orders", [make_order(status="populated")], "populate")
    sync(runtime, store_id, "orders", [make_order(status="posted")])
    process(runtime, store_id, populate)
    assert root_conn.execute("SELECT status FROM orders WHERE store_id = %s", (store_id,)).fetchall() == [("posted",)]
    assert read_log(runtime, store_id, populate).existing == 1
