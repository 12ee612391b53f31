"""Redis as the wake-up: queue names, job ids, and the client with time-outs tight enough for a request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job
from rq.queue import EnqueueData
from rq.serializers import JSONSerializer

from app.settings.logs import get_logger
from db.sync.logs import Ticket

INGEST = "ingest"
PULL = "pull"
PUSH = "push"
QUEUES = (INGEST, PULL, PUSH)
PROCESS_LOG = "workers.processes.jobs.process_log"
PULL_LOG = "workers.processes.jobs.pull_log"
PUSH_STORE = "workers.processes.jobs.push_store"
FUNCTION_OF = {INGEST: PROCESS_LOG, PULL: PULL_LOG}
ALLOWED_FUNCTIONS = frozenset({*FUNCTION_OF.values(), PUSH_STORE})
PUSH_MARK_SECONDS = 2  # a wake-up for a store that has one on its way is left out for so long

NO_TIME_LIMIT = -1  # PostgreSQL's statement_timeout ends what hangs; a signal in the middle of a commit would lie
FAILED_JOB_SECONDS = 3600
BREAK_SECONDS = 2.0

log = get_logger(__name__)


def connect(redis_url: str, timeout: float = 0.5) -> Redis:
    """A client that gives up after `timeout` seconds and does not try again: the dispatcher does."""
    return Redis.from_url(
        redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


@dataclass(slots=True)
class WakeUp:
    """The way into Redis for a process that must not depend on it.

    After a failure it leaves Redis alone for BREAK_SECONDS, so that a frozen server costs one time-out and not one a request.
    """

    redis: Redis
    closed_until: float = 0.0

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self.closed_until

    def enqueue(self, tickets: list[Ticket]) -> bool:
        """Enqueue what has been committed, best effort; what does not arrive is stranded, and found by the dispatcher."""
        if not tickets or self.is_resting:
            return not tickets
        try:
            enqueue_all(self.redis, tickets)
        except RedisError as error:
            self.rest(error)
            return False
        return True

    def push(self, store_id: UUID) -> bool:
        """Wake a worker to send what waits for the store's shop, best effort; the dispatcher finds what this misses."""
        if self.is_resting:
            return False
        try:
            enqueue_push(self.redis, store_id)
        except RedisError as error:
            self.rest(error)
            return False
        return True

    def rest(self, error: RedisError) -> None:
        self.closed_until = time.monotonic() + BREAK_SECONDS
        log.warning("redis_unavailable", error=type(error).__name__)


def job_id(ticket: Ticket) -> str:
    """The log's id and the number of this entry: no two entries share a job, so none deletes another's."""
    return f"{ticket.log_id}-{ticket.enqueue_no}"


def log_id_of(waiting_job_id: str) -> UUID | None:
    """The log behind a job id; None for a job that is not ours."""
    try:
        return UUID(waiting_job_id[:36])
    except ValueError:
        return None


def enqueue_all(redis: Redis, tickets: list[Ticket]) -> None:
    """Push one job for each ticket, a queue's in one round trip. Raises RedisError."""
    for name in QUEUES:
        jobs = [_job(ticket) for ticket in tickets if ticket.queue == name]
        if jobs:
            Queue(name, connection=redis, serializer=JSONSerializer).enqueue_many(jobs)


def _job(ticket: Ticket) -> EnqueueData:
    what = "batch" if ticket.queue == INGEST else "pull"
    return Queue.prepare_data(
        FUNCTION_OF[ticket.queue],
        args=(str(ticket.store_id), str(ticket.log_id)),
        job_id=job_id(ticket),
        timeout=NO_TIME_LIMIT,
        result_ttl=0,
        failure_ttl=FAILED_JOB_SECONDS,
        description=f"{ticket.entity} {what} {ticket.received:,} records store {short(ticket.store_id)}",
    )


def queue_lengths(redis: Redis) -> dict[str, int]:
    """How many jobs wait in each queue, in one round trip. Raises RedisError."""
    with redis.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            pipe.llen(f"rq:queue:{name}")
        return dict(zip(QUEUES, map(int, pipe.execute()), strict=True))


def short(store_id: UUID) -> str:
    """Enough of an id to tell stores apart; it is the end that differs, for ids begin with the time."""
    return f"{str(store_id)[-4:]}…"


def waiting_logs(redis: Redis) -> list[UUID]:
    """The logs whose jobs wait in Redis, read raw: RQ's own accessors clean up as a side effect. Raises RedisError."""
    ids = [raw for name in QUEUES for raw in redis.lrange(f"rq:queue:{name}", 0, -1)]
    found = (log_id_of(raw.decode() if isinstance(raw, bytes) else str(raw)) for raw in ids)
    return [log_id for log_id in found if log_id is not None]


def count_waiting(redis: Redis, name: str) -> int:
    """How many jobs of a queue wait. Raises RedisError."""
    return int(redis.llen(f"rq:queue:{name}"))


def forget_store(redis: Redis, store_id: UUID) -> int:
    """Delete each job of a store and each key that names it; returns how many. Raises RedisError."""
    jobs = [job for job in _all_jobs(redis) if job.args and job.args[0] == str(store_id)]
    for job in jobs:
        job.delete()
    keys = list(redis.scan_iter(f"*{store_id}*", count=1000))
    if keys:
        redis.delete(*keys)
    return len(jobs) + len(keys)


def _all_jobs(redis: Redis) -> Iterator[Job]:
    """Every job of ours that can be read; windows keep them few."""
    for key in redis.scan_iter("rq:job:*", count=1000):
        try:
            job = Job.fetch(key.decode().removeprefix("rq:job:"), connection=redis, serializer=JSONSerializer)
            if job.func_name in ALLOWED_FUNCTIONS:
                yield job
        except (NoSuchJobError, DeserializationError):
            continue  # gone meanwhile, or not ours


def enqueue_push(redis: Redis, store_id: UUID) -> None:
    """Push one job for the store, unless one is on its way already. Raises RedisError."""
    if not redis.set(push_mark(store_id), 1, nx=True, ex=PUSH_MARK_SECONDS):
        return
    queue = Queue(PUSH, connection=redis, serializer=JSONSerializer)
    job = Queue.prepare_data(
        PUSH_STORE,
        args=(str(store_id),),
        job_id=f"push-{store_id}-{time.time_ns()}",
        timeout=NO_TIME_LIMIT,
        result_ttl=0,
        failure_ttl=FAILED_JOB_SECONDS,
        description=f"push store {short(store_id)}",
    )
    queue.enqueue_many([job])


def push_mark(store_id: UUID) -> str:
    """The key that stands for a job on its way; the job removes it before it looks at what waits."""
    return f"sluice:push:{store_id}"
