"""The worker process: RQ's loop without its extras, for a closed list of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from app.settings.environment import Settings
from app.settings.logs import get_logger
from app.settings.version import VERSION
from workers.core.allowed_jobs import AllowedJob, WakeUpQueue
from workers.core.heartbeat import beat
from workers.core.presence import Presence
from workers.core.queues import QUEUES, connect
from workers.core.runtime import Runtime, start_runtime

# An idle worker notices a dead connection within 15 + 10 s (RQ waits ttl - 15 s and reads 10 s longer).
WORKER_TTL_SECONDS = 30
MAINTENANCE_SECONDS = 3600  # nothing depends on RQ's registries

log = get_logger(__name__)


class IngestWorker(SimpleWorker):
    """Runs jobs in its own process: it keeps its connections, and a job costs a tenth of a fork."""

    max_connection_wait_time = 3.0  # RQ waits up to a minute after Redis was away
    data_dir: Path | None = None
    runtime: Runtime | None = None
    presence: Presence | None = None

    def perform_job(self, job: Job, queue: Queue) -> bool:
        if self.presence is None:
            return super().perform_job(job, queue)
        with self.presence.doing(job.description or ""):
            return super().perform_job(job, queue)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        # RQ calls it before each wait for a job, at least every 15 s.
        if self.data_dir is not None:
            beat(self.data_dir, "worker")
        super().heartbeat(*args, **kwargs)

    def handle_warm_shutdown_request(self) -> None:
        # The current batch is finished; a pull stops after its page.
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ has no types there
        if self.runtime is not None:
            self.runtime.stopping.set()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        # RQ would log the job's arguments and the exception's text.
        log.error("job_failed", job_id=job.id, exc_info=exc_info)


def build_worker(redis: Redis, queue_names: tuple[str, ...]) -> IngestWorker:
    """A worker of exactly one queue: with two, RQ would lose a job if the worker died while taking it."""
    if len(queue_names) != 1 or queue_names[0] not in QUEUES:
        raise ValueError(f"a worker takes one queue of {', '.join(QUEUES)}")
    queue = WakeUpQueue(queue_names[0], connection=redis, serializer=JSONSerializer, job_class=AllowedJob)
    return IngestWorker(
        [queue],
        connection=redis,
        serializer=JSONSerializer,
        job_class=AllowedJob,
        queue_class=WakeUpQueue,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        log_job_description=False,
    )


def run_worker(settings: Settings, database_url: str, redis_url: str, queue_name: str) -> None:
    """Work until SIGTERM, and finish the current batch. After any other end the supervisor restarts the process."""
    runtime = start_runtime(settings, database_url, redis_url)
    try:
        worker = build_worker(Redis.from_url(redis_url), (queue_name,))
        worker.data_dir = settings.data_dir
        worker.runtime = runtime
        log.info("worker_started", queue=queue_name)
        with Presence(connect(redis_url), "worker", VERSION, settings.process_name, queue_name) as worker.presence:
            worker.work(with_scheduler=False, logging_level="WARNING")
    finally:
        runtime.pool.close()
    log.info("worker_stopped", queue=queue_name)
