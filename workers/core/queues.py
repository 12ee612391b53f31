"""Redis as the wake-up of workers: queues, jobs, and a client whose timeouts are short enough for a request."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
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
FUNCTION_OF = {INGEST: PROCESS_LOG, PULL: PULL_LOG, PUSH: PUSH_STORE}
IDS_OF = {PROCESS_LOG: 2, PULL_LOG: 2, PUSH_STORE: 1}  # how many arguments each takes, all of them ids
PUSH_MARK_SECONDS = 2  # further wake-ups of the same store are dropped for so long

NO_TIME_LIMIT = -1  # statement_timeout ends what hangs; RQ's signal could interrupt a commit and report it as failed
FAILED_JOB_SECONDS = 3600
BREAK_SECONDS = 2.0
MOST_CALL_BYTES = 1024  # of a job's function and arguments, compressed or not; ours take 160

log = get_logger(__name__)


def connect(redis_url: str, timeout: float = 0.5) -> Redis:
    """A client that gives up after `timeout` seconds. It never retries: the dispatcher enqueues again."""
    return Redis.from_url(
        redis_url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=Retry(NoBackoff(), 0)
    )


@dataclass(slots=True)
class WakeUp:
    """Enqueues for a process that must work without Redis.

    After a failure it leaves Redis alone for BREAK_SECONDS, so that a frozen server costs one timeout instead of one per
    request.
    """

    redis: Redis
    closed_until: float = 0.0

    @property
    def is_resting(self) -> bool:
        return time.monotonic() < self.closed_until

    def enqueue(self, tickets: list[Ticket]) -> bool:
        """Enqueue committed logs, best effort: the dispatcher finds those that did not arrive. Returns whether all arrived."""
        if not tickets or self.is_resting:
            return not tickets
        try:
            enqueue_all(self.redis, tickets)
        except RedisError as error:
            self.rest(error)
            return False
        return True

    def push(self, store_id: UUID) -> bool:
        """Wake a worker to send the store's outbound items, best effort: the dispatcher finds what this misses."""
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
    # Each entry has its own job, so deleting one never deletes another.
    return f"{ticket.log_id}-{ticket.enqueue_no}"


def log_id_of(waiting_job_id: str) -> UUID | None:
    try:
        return UUID(waiting_job_id[:36])
    except ValueError:
        return None


def enqueue_all(redis: Redis, tickets: list[Ticket]) -> None:
    """Enqueue a job for each ticket, in one round trip per queue. Raises RedisError."""
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
    with redis.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            pipe.llen(f"rq:queue:{name}")
        return dict(zip(QUEUES, map(int, pipe.execute()), strict=True))


def short(store_id: UUID) -> str:
    # The end differs: version 7 ids start with the time.
    return f"{str(store_id)[-4:]}…"


def waiting_logs(redis: Redis) -> list[UUID]:
    """The logs whose jobs wait. Reads the lists directly, as RQ's accessors delete jobs on the way. Raises RedisError."""
    ids = [raw for name in QUEUES for raw in redis.lrange(f"rq:queue:{name}", 0, -1)]
    found = (log_id_of(raw.decode() if isinstance(raw, bytes) else str(raw)) for raw in ids)
    return [log_id for log_id in found if log_id is not None]


def count_waiting(redis: Redis, name: str) -> int:
    return int(redis.llen(f"rq:queue:{name}"))


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    ids: list[str]


def read_call(data: bytes) -> Call | None:
    """The call in a job's `data`; None unless it is one of our functions with the right number of ids."""
    try:
        if len(data) > MOST_CALL_BYTES:
            return None
        unpacked = zlib.decompressobj().decompress(data, MOST_CALL_BYTES)
        function, instance, ids, keywords = json.loads(unpacked)
        if (instance, keywords) != (None, {}) or len(ids) != IDS_OF[function]:
            return None
        return Call(function, ids) if all(str(UUID(each)) == each for each in ids) else None
    except (zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def delete_job(redis: Redis, job_id: str) -> None:
    with redis.pipeline(transaction=False) as pipe:
        for name in QUEUES:
            pipe.lrem(f"rq:queue:{name}", 0, job_id)
            pipe.lrem(f"rq:queue:{name}:intermediate", 0, job_id)
            pipe.zrem(f"rq:failed:{name}", job_id)
        key = f"rq:job:{job_id}"
        pipe.delete(key, f"{key}:dependents", f"{key}:dependencies", f"rq:executions:{job_id}")
        pipe.execute()


def forget_store(redis: Redis, store_id: UUID) -> int:
    """Delete the jobs and keys of a store; returns how many. Raises RedisError."""
    jobs = [job_id for job_id, call in _all_calls(redis) if call.ids[0] == str(store_id)]
    for found in jobs:
        delete_job(redis, found)
    keys = list(redis.scan_iter(f"*{store_id}*", count=1000))
    if keys:
        redis.delete(*keys)
    return len(jobs) + len(keys)


def _all_calls(redis: Redis) -> Iterator[tuple[str, Call]]:
    for key in redis.scan_iter("rq:job:*", count=1000, _type="hash"):
        data = redis.hget(key, "data")
        call = read_call(data) if isinstance(data, bytes) else None
        if call is not None:
            yield key.decode("utf-8", "replace").removeprefix("rq:job:"), call


def enqueue_push(redis: Redis, store_id: UUID) -> None:
    """Enqueue a push of the store, unless one was enqueued within PUSH_MARK_SECONDS. Raises RedisError."""
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
    # The job deletes it before it looks for items, so that no wake-up is missed.
    return f"sluice:push:{store_id}"
