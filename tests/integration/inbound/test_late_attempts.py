"""What comes too late in a batch's life: an older batch's write, and the verdict on an attempt that was overtaken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from db.core.pool import Pool, SluiceConnection
from db.core.tenancy import tenant
from db.sync.dispatch import give_up
from db.sync.logs import begin_attempt, claim_log, mark_failed, mark_retrying, retry_log
from tests.conftest import Database
from tests.support.factories import CHANGED_FIELDS, ID_FIELDS, MAKERS, TEXT_FIELDS
from tests.support.pipeline import accept_batch, read_log, sync
from tests.support.pulls import in_thread
from tests.support.waiting import wait_until
from workers.core.runtime import Runtime
from workers.inbound.process import Outcome, process

WAITING = """SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE 'sluice %%'"""


def version(entity: str, text: str, hour: int) -> dict[str, Any]:
    """The record as it was at that hour; of an entity without times of its own the order of acceptance tells."""
    own_time = {CHANGED_FIELDS[entity]: f"2026-01-16T{hour:02}:00:00Z"} if entity in CHANGED_FIELDS else {}
    return MAKERS[entity](**{TEXT_FIELDS[entity]: text}, **own_time)


@pytest.mark.parametrize("entity", MAKERS)
def test_older_batch_does_not_replace_newer_that_commits_first(
    runtime: Runtime, database: Database, root_conn: Connection, store_id: UUID, entity: str
) -> None:
    """The newer batch has written and not committed as the older one is planned: only the write itself can tell."""
    sync(runtime, store_id, entity, [version(entity, "first", 1)])
    older = accept_batch(runtime, store_id, entity, [version(entity, "older", 2)])
    newer = accept_batch(runtime, store_id, entity, [version(entity, "newer", 3)])
    outcomes: list[Outcome] = []

    def waiting(count: int) -> Callable[[], bool]:
        return lambda: root_conn.execute(WAITING.encode()).fetchone() == (count,)

    with psycopg.connect(database.superuser_url) as holder:
        holder.execute("LOCK TABLE entity_stats IN SHARE MODE")  # counts are written last, after the rows
        threads = [in_thread(lambda: outcomes.append(process(runtime, store_id, newer)))]
        try:
            wait_until(waiting(1), 30.0, "the newer batch to have written its row")
            threads.append(in_thread(lambda: outcomes.append(process(runtime, store_id, older))))
            wait_until(waiting(2), 30.0, "the older batch to wait for the row")
        finally:
            holder.rollback()
            for thread in threads:
                thread.join()
    assert outcomes == [Outcome.COMPLETED] * 2
    query = f"SELECT {TEXT_FIELDS[entity]} FROM {entity} WHERE store_id = %s AND external_id = %s"
    found = root_conn.execute(query.encode(), (store_id, MAKERS[entity]()[ID_FIELDS[entity]])).fetchall()
    assert found == [("newer",)]
    assert (read_log(runtime, store_id, newer).updated, read_log(runtime, store_id, older).stale) == (1, 1)


@dataclass
class WatchedPool:
    """A pool that calls `before_verdict` once, between a transaction that failed and the next connection."""

    pool: Pool
    before_verdict: Callable[[], None]
    has_failed: bool = False

    @contextmanager
    def connection(self) -> Iterator[SluiceConnection]:
        if self.has_failed:
            self.has_failed = False
            self.before_verdict()
        try:
            with self.pool.connection() as conn:
                yield conn
        except psycopg.Error:
            self.has_failed = True
            raise


@pytest.mark.parametrize("is_permanent", [True, False], ids=["permanent", "passing"])
def test_late_failure_of_an_attempt_leaves_the_next_one_alone(
    runtime: Runtime, root_conn: Connection, store_id: UUID, is_permanent: bool
) -> None:
    log_id = accept_batch(runtime, store_id, "orders", [MAKERS["orders"]()])
    code = "XX000" if is_permanent else "57P01"
    root_conn.execute(
        f"""CREATE FUNCTION break_down() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$""".encode()
    )
    root_conn.execute("CREATE TRIGGER break_down BEFORE INSERT ON orders EXECUTE FUNCTION break_down()")

    def begin_second() -> None:
        root_conn.execute("DROP TRIGGER break_down ON orders; DROP FUNCTION break_down()")
        root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            attempt = begin_attempt(conn, store_id, log_id, 5, [60.0])
        assert attempt is not None and attempt.number == 2

    watched = WatchedPool(runtime.pool, begin_second)
    process(replace(runtime, pool=cast(Pool, watched)), store_id, log_id)
    log = read_log(runtime, store_id, log_id)
    assert (log.status, log.phase, log.attempts, log.error_code) == ("running", "processing", 2, None)
    root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
    assert process(runtime, store_id, log_id) is Outcome.COMPLETED


def test_defect_while_the_verdict_is_written_is_raised(runtime: Runtime, root_conn: Connection, store_id: UUID) -> None:
    """Only a database that is away may swallow a verdict; the log is found later all the same."""
    log_id = accept_batch(runtime, store_id, "orders", [MAKERS["orders"]()])

    def fail() -> None:
        raise RuntimeError("a defect")

    watched = WatchedPool(runtime.pool, fail)
    root_conn.execute("REVOKE INSERT ON orders FROM sluice_app")
    try:
        with pytest.raises(RuntimeError, match="a defect"):
            process(replace(runtime, pool=cast(Pool, watched)), store_id, log_id)
    finally:
        root_conn.execute("GRANT INSERT ON orders TO sluice_app")
    assert read_log(runtime, store_id, log_id).status == "running"


def test_attempt_from_before_a_retry_changes_nothing(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID
) -> None:
    """A worker rests so long that the log is given up, retried by a person and begun again."""
    log_id = accept_batch(runtime, store_id, "orders", [MAKERS["orders"]()])
    with conn.transaction(), tenant(conn, store_id):
        late = begin_attempt(conn, store_id, log_id, 1, [60.0])
    root_conn.execute("UPDATE sync_logs SET next_attempt_at = now() WHERE id = %s", (log_id,))
    assert (store_id, log_id) in give_up(conn, 1, "GAVE_UP", "")
    with conn.transaction(), tenant(conn, store_id):
        assert retry_log(conn, store_id, log_id) is not None
        again = begin_attempt(conn, store_id, log_id, 1, [60.0])
        assert late is not None and again is not None
        assert claim_log(conn, store_id, log_id, late.number) is None
        assert not mark_retrying(conn, store_id, log_id, late.number, "INTERNAL", "")
        assert not mark_failed(conn, store_id, log_id, late.number, "INTERNAL", "")
        assert claim_log(conn, store_id, log_id, again.number) is not None
    assert read_log(runtime, store_id, log_id).attempts == 1
