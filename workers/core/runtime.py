"""What the jobs of a worker process share: settings, a database pool, and Redis."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from app.settings.environment import Settings
from db.core.pool import Pool, open_pool
from workers.core.queues import WakeUp, connect

WORKER_POOL_SIZE = 8  # a push runs several threads; connections are opened as needed
WORKER_ACQUIRE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """Created once per process, before its first job."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    # Set by SIGTERM: long work ends at its next step.
    stopping: threading.Event = field(default_factory=threading.Event)


_current: list[Runtime] = []


def start_runtime(settings: Settings, database_url: str, redis_url: str) -> Runtime:
    """Open the resources of this process. Jobs get them by `current_runtime`, as RQ passes nothing but arguments."""
    threshold = settings.prepare_threshold
    pool = open_pool(database_url, WORKER_POOL_SIZE, "worker", WORKER_ACQUIRE_SECONDS, threshold)
    runtime = Runtime(settings, pool, WakeUp(connect(redis_url)))
    _current[:] = [runtime]
    return runtime


def current_runtime() -> Runtime:
    if not _current:
        raise RuntimeError("no runtime: a job runs only in a process that called start_runtime")
    return _current[0]
