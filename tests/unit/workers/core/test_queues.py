"""Redis as the wake-up, tested without a server: what is enqueued, read and refused."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from fakeredis import FakeRedis, FakeServer
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from app.http.errors import ApiError
from app.http.limits import RateLimiter, waiting_room
from db.sync.logs import Ticket
from workers.core.allowed_jobs import AllowedJob, ForbiddenJob
from workers.core.ids import new_id
from workers.core.queues import INGEST, PROCESS_LOG, WakeUp, forget_store, job_id, log_id_of, waiting_logs
from workers.processes.worker import build_worker

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


def test_job_of_a_ticket_has_only_ids(redis: FakeRedis) -> None:
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


def test_foreign_entries_of_a_queue_are_skipped(redis: FakeRedis) -> None:
    made = ticket()
    WakeUp(redis).enqueue([made])
    redis.lpush(f"rq:queue:{INGEST}", b"nonsense", b"", "ü".encode())
    assert waiting_logs(redis) == [made.log_id]
    assert log_id_of("nonsense") is None


def test_no_tickets_need_no_redis(server: FakeServer) -> None:
    server.connected = False
    assert WakeUp(FakeRedis(server=server)).enqueue([])


def test_redis_is_not_called_for_a_while_after_a_failure(server: FakeServer, redis: FakeRedis) -> None:
    wake_up = WakeUp(redis)
    server.connected = False
    assert not wake_up.enqueue([ticket()])
    server.connected = True
    assert wake_up.is_resting
    assert not wake_up.enqueue([ticket()])
    assert waiting_logs(redis) == []


def test_redis_is_called_again_after_the_pause(server: FakeServer, redis: FakeRedis) -> None:
    wake_up = WakeUp(redis)
    server.connected = False
    wake_up.enqueue([ticket()])
    server.connected = True
    wake_up.closed_until = time.monotonic()
    assert wake_up.enqueue([ticket()])
    assert len(waiting_logs(redis)) == 1


@pytest.mark.parametrize(
    "function", ["os.system", "builtins.eval", "workers.inbound.process.process", "workers.processes.jobs."]
)
def test_forged_function_is_refused(redis: FakeRedis, function: str) -> None:
    job = Queue(INGEST, connection=redis, serializer=JSONSerializer).enqueue(function, "true")
    with pytest.raises(ForbiddenJob):
        AllowedJob.fetch(job.id, connection=redis, serializer=JSONSerializer)


def test_own_function_is_accepted(redis: FakeRedis) -> None:
    made = ticket()
    WakeUp(redis).enqueue([made])
    job = AllowedJob.fetch(job_id(made), connection=redis, serializer=JSONSerializer)
    assert job.func.__name__ == "process_log"


def test_only_the_stores_jobs_are_deleted(redis: FakeRedis) -> None:
    kept = Ticket(new_id(), new_id(), 1, "orders", 5)
    WakeUp(redis).enqueue([ticket(), kept, ticket()])
    redis.hset("rq:job:theirs", "data", b"nonsense")
    assert forget_store(redis, STORE) == 2
    assert waiting_logs(redis) == [kept.log_id]
    assert fetch(redis, job_id(kept)).args == [str(kept.store_id), str(kept.log_id)]


@pytest.mark.parametrize("names", [(), (INGEST, INGEST), ("default",)])
def test_worker_takes_exactly_one_queue(redis: FakeRedis, names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one queue"):
        build_worker(redis, names)


def limiter(redis: FakeRedis, per_minute: int = 2) -> RateLimiter:
    return RateLimiter(WakeUp(redis), per_minute, clock=lambda: 90.0)


def test_store_has_a_limit_of_calls_per_minute(redis: FakeRedis) -> None:
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


def test_limit_starts_again_each_minute(redis: FakeRedis) -> None:
    limiter(redis, 1).check(STORE)
    RateLimiter(WakeUp(redis), 1, clock=lambda: 120.0).check(STORE)


def test_calls_are_counted_per_process_without_redis(server: FakeServer, redis: FakeRedis) -> None:
    server.connected = False
    limited = limiter(redis)
    limited.check(STORE)
    limited.check(STORE)
    with pytest.raises(ApiError):
        limited.check(STORE)


def test_counter_expires_in_redis(redis: FakeRedis) -> None:
    limiter(redis).check(STORE)
    assert all(0 < redis.ttl(key) <= 120 for key in redis.keys("sluice:rate:*"))


def test_seats_are_limited_and_returned() -> None:
    room = waiting_room(1)
    with room.seat() as first, room.seat() as second:
        assert (first, second) == (True, False)
    with room.seat() as again:
        assert again


def test_zero_seats_admit_nobody() -> None:
    with waiting_room(0).seat() as taken:
        assert not taken
