"""What a worker process holds: settings, a pool opened in this very process, and the way into Redis."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from app.settings.environment import Settings
from db.core.pool import Pool, open_pool
from workers.core.queues import WakeUp, connect

WORKER_POOL_SIZE = 8  # one that pushes has several hands; connections are opened as they are needed
WORKER_ACQUIRE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Runtime:
    """Set up once a process, before its first job."""

    settings: Settings
    pool: Pool
    wake_up: WakeUp
    stopping: threading.Event = field(
        default_factory=threading.Event
    )  # set by SIGTERM: long work ends at its next step


_current: list[Runtime] = []


def start_runtime(settings: Settings, database_url: str, redis_url: str) -> Runtime:
    """Open what the jobs of this process need; RQ gives a job nothing but its arguments."""
    threshold = settings.prepare_threshold
    pool = open_pool(database_url, WORKER_POOL_SIZE, "worker", WORKER_ACQUIRE_SECONDS, threshold)
    runtime = Runtime(settings, pool, WakeUp(connect(redis_url)))
    _current[:] = [runtime]
    return runtime


def current_runtime() -> Runtime:
    if not _current:
        raise RuntimeError("no runtime: a job runs only in a process that called start_runtime")
    return _current[0]
