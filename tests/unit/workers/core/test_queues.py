"""Redis as the wake-up, on a Redis that is not there: what is pushed, what is read, and what is refused."""

from __future__ import annotations

import pickle
import time
from typing import Any
from uuid import UUID

import pytest
from fakeredis import FakeRedis, FakeServer
from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.serializers import DefaultSerializer, JSONSerializer

from app.http.errors import ApiError
from app.http.limits import RateLimiter, waiting_room
from db.sync.logs import Ticket
from workers.core.ids import new_id
from workers.core.queues import INGEST, PROCESS_LOG, WakeUp, job_id, log_id_of, waiting_logs
from workers.processes.worker import AllowedJob, ForbiddenJob, build_worker

STORE = UUID("00000000-0000-7000-8000-00000000abcd")


def ticket(enqueue_no: int = 1) -> Ticket:
    return Ticket(STORE, new_id(), enqueue_no, "orders", 1234)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def redis(server: FakeServer) -> FakeRedis:
    return FakeRedis(server=server)


def fetch(redis: FakeRedis, found: str) -> Job:
    return Job.fetch(found, connection=redis, serializer=JSONSerializer)


def test_a_ticket_becomes_a_job_of_ids_alone(redis: FakeRedis) -> None:
    made = ticket(3)
    assert WakeUp(redis).enqueue([made])
    job = fetch(redis, f"{made.log_id}-3")
    assert (job.func_name, job.args, job.kwargs) == (PROCESS_LOG, [str(STORE), str(made.log_id)], {})
    assert job.description == "orders batch 1,234 records store abcd…"
    assert (job.timeout, job.result_ttl) == (-1, 0)


def test_jobs_wait_in_the_order_of_their_tickets(redis: FakeRedis) -> None:
    made = [ticket(), ticket(), ticket()]
    WakeUp(redis).enqueue(made)
    assert waiting_logs(redis) == [each.log_id for each in made]


def test_two_entries_of_a_log_are_two_jobs(redis: FakeRedis) -> None:
    first = ticket(1)
    again = Ticket(first.store_id, first.log_id, 2, first.entity, first.received)
    WakeUp(redis).enqueue([first, again])
    assert job_id(first) != job_id(again)
    assert waiting_logs(redis) == [first.log_id] * 2


def test_what_is_not_ours_in_the_queue_is_passed_over(redis: FakeRedis) -> None:
    made = ticket()
    WakeUp(redis).enqueue([made])
    redis.lpush(f"rq:queue:{INGEST}", b"nonsense", b"", "ü".encode())
    assert waiting_logs(redis) == [made.log_id]
    assert log_id_of("nonsense") is None


def test_no_tickets_need_no_redis(server: FakeServer) -> None:
    server.connected = False
    assert WakeUp(FakeRedis(server=server)).enqueue([])


def test_after_a_failure_redis_is_left_alone_for_a_while(server: FakeServer, redis: FakeRedis) -> None:
    wake_up = WakeUp(redis)
    server.connected = False
    assert not wake_up.enqueue([ticket()])
    server.connected = True
    assert wake_up.is_resting
    assert not wake_up.enqueue([ticket()])
    assert waiting_logs(redis) == []


def test_after_its_rest_redis_is_asked_again(server: FakeServer, redis: FakeRedis) -> None:
    wake_up = WakeUp(redis)
    server.connected = False
    wake_up.enqueue([ticket()])
    server.connected = True
    wake_up.closed_until = time.monotonic()
    assert wake_up.enqueue([ticket()])
    assert len(waiting_logs(redis)) == 1


def forged(redis: FakeRedis, function: str, serializer: Any = JSONSerializer) -> Job:
    """A job that somebody else wrote into Redis, as a worker of ours finds it."""
    queue = Queue(INGEST, connection=redis, serializer=serializer)
    job = queue.enqueue(function, "true")
    return AllowedJob.fetch(job.id, connection=redis, serializer=JSONSerializer)


@pytest.mark.parametrize(
    "function", ["os.system", "builtins.eval", "workers.inbound.process.process", "workers.processes.jobs."]
)
def test_a_forged_function_is_refused(redis: FakeRedis, function: str) -> None:
    with pytest.raises(ForbiddenJob):
        _ = forged(redis, function).func


def test_our_own_function_is_found(redis: FakeRedis) -> None:
    assert forged(redis, PROCESS_LOG).func.__name__ == "process_log"


class _Boom:
    """What a pickle that runs code on loading looks like."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('the pickle ran')",)


def test_a_pickle_is_not_loaded(redis: FakeRedis) -> None:
    job = forged(redis, "os.system", DefaultSerializer)
    redis.hset(job.key, "data", pickle.dumps(("os.system", None, (_Boom(),), {})))
    found = AllowedJob.fetch(job.id, connection=redis, serializer=JSONSerializer)
    with pytest.raises(DeserializationError):
        _ = found.func


def test_a_worker_that_meets_a_forged_job_runs_nothing_and_goes_on(redis: FakeRedis) -> None:
    job = forged(redis, "os.abort")
    worker = build_worker(redis, (INGEST,))
    worker.log.disabled = True
    worker.work(burst=True, with_scheduler=False)
    assert waiting_logs(redis) == []
    assert AllowedJob.fetch(job.id, connection=redis, serializer=JSONSerializer).is_failed


@pytest.mark.parametrize("names", [(), (INGEST, INGEST), ("default",)])
def test_a_worker_takes_one_queue_of_ours(redis: FakeRedis, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one queue"):
        build_worker(redis, names)


def limiter(redis: FakeRedis, per_minute: int = 2) -> RateLimiter:
    return RateLimiter(WakeUp(redis), per_minute, clock=lambda: 90.0)


def test_a_store_may_call_so_often_a_minute(redis: FakeRedis) -> None:
    limited, other = limiter(redis), new_id()
    limited.check(STORE)
    limited.check(STORE)
    limited.check(other)
    with pytest.raises(ApiError) as caught:
        limited.check(STORE)
    assert (caught.value.code, caught.value.headers) == ("RATE_LIMITED", {"Retry-After": "30"})


def test_calls_are_counted_over_all_processes(redis: FakeRedis) -> None:
    limiter(redis, 1).check(STORE)
    with pytest.raises(ApiError):
        limiter(redis, 1).check(STORE)


def test_the_next_minute_begins_anew(redis: FakeRedis) -> None:
    limiter(redis, 1).check(STORE)
    RateLimiter(WakeUp(redis), 1, clock=lambda: 120.0).check(STORE)


def test_without_redis_calls_are_counted_in_the_process(server: FakeServer, redis: FakeRedis) -> None:
    server.connected = False
    limited = limiter(redis)
    limited.check(STORE)
    limited.check(STORE)
    with pytest.raises(ApiError):
        limited.check(STORE)


def test_a_counter_does_not_stay_in_redis(redis: FakeRedis) -> None:
    limiter(redis).check(STORE)
    assert all(0 < redis.ttl(key) <= 120 for key in redis.keys("sluice:rate:*"))


def test_seats_are_bounded_and_given_back() -> None:
    room = waiting_room(1)
    with room.seat() as first, room.seat() as second:
        assert (first, second) == (True, False)
    with room.seat() as again:
        assert again


def test_a_room_without_seats_seats_nobody() -> None:
    with waiting_room(0).seat() as taken:
        assert not taken
