"""Redis with an append-only file, as in production: after a kill it has its data, and no job is enqueued twice."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from psycopg import Connection

from app.stack.embedded.redis import answers, find_program
from tests.support.data_dirs import data_dir
from tests.support.factories import make_order
from tests.support.pipeline import accept_batch
from tests.support.waiting import wait_until
from workers.core.queues import WakeUp, connect, waiting_logs
from workers.core.runtime import Runtime
from workers.processes.dispatcher import Dispatcher

LONG_AGO = "UPDATE sync_logs SET enqueued_at = now() - interval '1 minute' WHERE enqueued_at IS NOT NULL"
KEEPS = ("--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "everysec")


@contextmanager
def redis_that_keeps(folder: Path) -> Iterator[str]:
    """A server with an append-only file, killed at the end. Yields its URL."""
    path = folder / "redis.sock"
    path.unlink(missing_ok=True)
    where = ("--dir", str(folder), "--unixsocket", str(path))
    server = subprocess.Popen([find_program(), *KEEPS, *where], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: answers(path), 10.0, "Redis")
        yield f"unix://{path}"
    finally:
        server.kill()
        server.wait()


def test_waiting_jobs_survive_a_kill_of_redis(runtime: Runtime, store_id: UUID, root_conn: Connection) -> None:
    with data_dir() as folder:
        folder.mkdir()
        with redis_that_keeps(folder) as url, connect(url) as redis:
            runtime = replace(runtime, wake_up=WakeUp(redis))
            logs = [accept_batch(runtime, store_id, "orders", [make_order()]) for _ in range(8)]
            assert waiting_logs(redis) == logs
        root_conn.execute(LONG_AGO)
        with redis_that_keeps(folder) as url, connect(url) as redis:
            Dispatcher(runtime.settings, runtime.pool, WakeUp(redis)).tick()
            assert waiting_logs(redis) == logs
    assert root_conn.execute("SELECT sum(enqueues) FROM sync_logs WHERE store_id = %s", (store_id,)).fetchone() == (8,)
