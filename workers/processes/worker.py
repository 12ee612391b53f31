"""The worker process: RQ's loop, with its extras off and a closed list of what it may run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.settings.environment import Settings
from app.settings.logs import get_logger
from workers.core.heartbeat import beat
from workers.core.queues import ALLOWED_FUNCTIONS, QUEUES
from workers.core.runtime import Runtime, start_runtime

# An idle worker notices a dead connection within 15 + 10 s (RQ waits ttl - 15 s and reads 10 s longer).
WORKER_TTL_SECONDS = 30
MAINTENANCE_SECONDS = 3600  # RQ's own registries decide nothing here

log = get_logger(__name__)


class ForbiddenJob(Exception):
    """Somebody wrote a job into Redis that we never enqueue. It is refused, and nothing of it is run."""


class AllowedJob(Job):
    """RQ takes a function's name from Redis and imports it; this takes only the names of a closed list."""

    @property
    def func(self) -> Callable[..., Any]:
        if self.func_name not in ALLOWED_FUNCTIONS or self.instance is not None:
            log.error("job_forbidden", job_id=self.id)
            raise ForbiddenJob
        function: Callable[..., Any] = super().func
        return function


class IngestWorker(SimpleWorker):
    """Runs jobs in its own process: a connection is kept, and a job costs a tenth of a fork."""

    max_connection_wait_time = 3.0  # RQ would back off up to a minute after Redis was away
    data_dir: Path | None = None
    runtime: Runtime | None = None

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Before each wait for a job, so at least every 15 s."""
        if self.data_dir is not None:
            beat(self.data_dir, "worker")
        super().heartbeat(*args, **kwargs)

    def handle_warm_shutdown_request(self) -> None:
        """A batch in hand is finished; a pull stops after its page."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ has no types there
        if self.runtime is not None:
            self.runtime.stopping.set()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """RQ's own would log the job's arguments and the exception's text."""
        log.error("job_failed", job_id=job.id, exc_info=exc_info)


def build_worker(redis: Redis, queue_names: tuple[str, ...]) -> IngestWorker:
    """A worker of exactly one queue: with two, RQ pops in a way that loses a job if the worker dies at that moment."""
    if len(queue_names) != 1 or queue_names[0] not in QUEUES:
        raise ValueError(f"a worker takes one queue of {', '.join(QUEUES)}")
    queue = Queue(queue_names[0], connection=redis, serializer=JSONSerializer, job_class=AllowedJob)
    return IngestWorker(
        [queue],
        connection=redis,
        serializer=JSONSerializer,
        job_class=AllowedJob,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        log_job_description=False,
    )


def run_worker(settings: Settings, database_url: str, redis_url: str, queue_name: str) -> None:
    """Work until SIGTERM; the batch in hand is finished first. Whatever ends it otherwise, its supervisor restarts it."""
    runtime = start_runtime(settings, database_url, redis_url)
    try:
        worker = build_worker(Redis.from_url(redis_url), (queue_name,))
        worker.data_dir = settings.data_dir
        worker.runtime = runtime
        log.info("worker_started", queue=queue_name)
        worker.work(with_scheduler=False, logging_level="WARNING")
    finally:
        runtime.pool.close()
    log.info("worker_stopped", queue=queue_name)
