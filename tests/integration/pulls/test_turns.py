"""What a turn does to its run it does to no other run of the store, not even one with the same epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.pulls.pages import AppliedPage, finish_page
from db.pulls.turns import Worker, begin_pull, fail_pull, postpone_pull, renew_lease, yield_pull
from db.sync.logs import Counts
from tests.support.pulls import start
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted

STEPS: dict[str, Callable[[Connection, Worker], object]] = {
    "renew": lambda conn, worker: renew_lease(conn, worker, 900),
    "yield": yield_pull,
    "postpone": lambda conn, worker: postpone_pull(conn, worker, 900, "X", "x"),
    "fail": lambda conn, worker: fail_pull(conn, worker, "X", "x"),
}
LOG = "SELECT status, phase, attempts, next_attempt_at, enqueues, error_code FROM sync_logs WHERE id = %s"


@pytest.mark.parametrize("step", STEPS)
def test_a_step_changes_no_other_run_of_the_store(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, step: str
) -> None:
    mine, other = (start(runtime, store_id, Wanted(entity, "incremental")) for entity in ("orders", "products"))
    with tenant(conn, store_id):
        begun = [begin_pull(conn, store_id, log_id, 5, 60) for log_id in (mine, other)]
    assert [run.epoch for run in begun if run] == [1, 1]
    before = logs(root_conn, mine, other)
    with tenant(conn, store_id):
        STEPS[step](conn, Worker(store_id, mine, 1))
    after = logs(root_conn, mine, other)
    assert after[0] != before[0]
    assert after[1] == before[1]


def logs(root_conn: Connection, *log_ids: UUID) -> list[Any]:
    return [root_conn.execute(LOG, (log_id,)).fetchone() for log_id in log_ids]


def test_an_applied_page_leaves_the_pages_of_other_runs(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID
) -> None:
    mine, other = (start(runtime, store_id, Wanted(entity, "incremental")) for entity in ("orders", "products"))
    root_conn.execute("UPDATE pull_runs SET page = 'x' WHERE store_id = %s", (store_id,))
    page = AppliedPage(1, 1, 0, Counts(), None, True, None, None, None)
    with tenant(conn, store_id):
        finish_page(conn, Worker(store_id, mine, 0), page, 60)
    query = "SELECT log_id FROM pull_runs WHERE store_id = %s AND page IS NOT NULL"
    assert root_conn.execute(query, (store_id,)).fetchall() == [(other,)]
