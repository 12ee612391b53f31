"""What is open is never pruned, however old it is."""

from __future__ import annotations

from uuid import UUID

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.pulls.runs import pause_pull
from db.sync.dispatch import prune_logs
from tests.support.pipeline import read_log
from tests.support.pulls import start
from workers.core.runtime import Runtime
from workers.pulls.start import Wanted

OLD = "UPDATE sync_logs SET accepted_at = now() - interval '40 days' WHERE id = %s"
END = "UPDATE sync_logs SET status = %s, phase = NULL, finished_at = now(), error_code = %s WHERE id = %s"


def start_old(runtime: Runtime, root_conn: Connection, store_id: UUID) -> UUID:
    log_id = start(runtime, store_id, Wanted("orders", "incremental"))
    root_conn.execute(OLD, (log_id,))
    return log_id


def test_old_paused_run_is_kept(runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID) -> None:
    log_id = start_old(runtime, root_conn, store_id)
    with tenant(conn, store_id):
        assert pause_pull(conn, store_id, log_id)
    assert prune_logs(conn, 30, 100) == 0
    assert read_log(runtime, store_id, log_id).status == "paused"
    assert root_conn.execute("SELECT count(*) FROM pull_runs WHERE log_id = %s", (log_id,)).fetchone() == (1,)


def test_old_running_run_is_kept(runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID) -> None:
    log_id = start_old(runtime, root_conn, store_id)
    assert prune_logs(conn, 30, 100) == 0
    assert read_log(runtime, store_id, log_id).status == "running"


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_old_ended_run_is_pruned(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, status: str
) -> None:
    log_id = start_old(runtime, root_conn, store_id)
    root_conn.execute(END, (status, "INTERNAL" if status == "failed" else None, log_id))
    assert prune_logs(conn, 30, 100) == 1
    assert root_conn.execute("SELECT count(*) FROM sync_logs WHERE id = %s", (log_id,)).fetchone() == (0,)
