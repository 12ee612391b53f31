"""Jobs that somebody else wrote into Redis: only Sluice's functions and their arguments have an effect."""

from __future__ import annotations

import json
import pickle
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis import Redis
from structlog.testing import capture_logs

from db.sync.logs import Ticket
from workers.core.ids import new_id
from workers.core.queues import INGEST, PROCESS_LOG, PULL, PULL_LOG, PUSH, PUSH_STORE, enqueue_all, enqueue_push, job_id
from workers.processes import jobs
from workers.processes.worker import build_worker

STORE = UUID("00000000-0000-7000-8000-00000000abcd")
ran: list[tuple[Any, ...]] = []


def mark(*facts: Any) -> None:
    """What a forged job would have a worker call."""
    ran.append(facts)


MARK = f"{__name__}.mark"


class Evil:
    """Calls `mark` when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return mark, ("unpickled",)


@pytest.fixture(autouse=True)
def worked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The calls of our own functions, which do nothing else here."""
    calls: list[tuple[str, ...]] = []
    ran.clear()
    for name in ("process_log", "pull_log", "push_store"):
        monkeypatch.setattr(jobs, name, lambda *ids: calls.append(ids))
    return calls


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, and the paths that it was asked for."""
    hits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Tests read `hits`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hit", hits
        server.shutdown()
        thread.join()


def enqueue_batch(redis: Redis) -> tuple[str, UUID]:
    """A job of ours that waits in Redis: its id, and its log's."""
    made = Ticket(STORE, new_id(), 1, "orders", 5)
    enqueue_all(redis, [made])
    return job_id(made), made.log_id


def work(redis: Redis, queue: str = INGEST) -> list[Any]:
    """Let a real worker take all that waits; what it logged."""
    worker = build_worker(redis, (queue,))
    worker.log.disabled = True
    worker.subscribe = lambda: None  # type: ignore[method-assign]  # its thread may take a second to end
    with capture_logs() as lines:
        worker.work(burst=True, logging_level="CRITICAL")
    return lines


def refused(lines: list[Any]) -> list[str]:
    return [line["job_id"] for line in lines if line["event"] == "job_forbidden"]


def call(function: Any, arguments: Any, instance: Any = None, keywords: Any = None) -> bytes:
    return zlib.compress(json.dumps([function, instance, arguments, keywords or {}]).encode())


WEBHOOKS = [{"url": "HOOK", "job_status": "finished"}, {"url": "HOOK", "job_status": "failed"}]
FIELDS = {
    "success callback": {"success_callback_name": MARK},
    "failure callback": {"failure_callback_name": MARK},
    "stopped callback": {"stopped_callback_name": MARK},
    "success callback's time": {"success_callback_timeout": "9999"},
    "webhooks": {"webhooks": json.dumps(WEBHOOKS)},
    "retries": {"retries_left": "3", "retry_intervals": "[0]"},
    "number of retries": {"number_of_retries": "3"},
    "retry at front": {"enqueue_at_front_on_retry": "1"},
    "at front": {"enqueue_at_front": "1"},
    "repeats": {"repeats_left": "3", "repeat_intervals": "[0]"},
    "dependencies": {"dependency_ids": '["other"]'},
    "old dependency": {"dependency_id": "other"},
    "failed dependencies": {"allow_dependency_failures": "1"},
    "group": {"group_id": "theirs"},
    "meta": {"meta": '{"a": 1}'},
    "pickled meta": {"meta": pickle.dumps(Evil())},
    "pickled result": {"result": pickle.dumps(Evil())},
    "time limit": {"timeout": "1"},
    "life of a result": {"result_ttl": "-1"},
    "life of a failure": {"failure_ttl": "-1"},
    "life in the queue": {"ttl": "1"},
    "serializer": {"serializer": "pickle"},
    "another queue": {"origin": "theirs"},
    "our other queue": {"origin": PULL},
    "status": {"status": "owned"},
    "date": {"enqueued_at": "yesterday"},
    "unknown field": {"anything": "1"},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS)
def test_field_that_we_never_write_refuses_the_job(
    redis: Redis, worked: list[Any], hook: tuple[str, list[str]], fields: dict[str, Any]
) -> None:
    url, hits = hook
    forged, _ = enqueue_batch(redis)
    sent: dict[Any, Any] = {
        name: value.replace("HOOK", url) if isinstance(value, str) else value for name, value in fields.items()
    }
    redis.hset(f"rq:job:{forged}", mapping=sent)
    _, next_log = enqueue_batch(redis)
    lines = work(redis)
    assert (ran, hits) == ([], [])
    assert worked == [(str(STORE), str(next_log))], "only the next job ran"
    assert refused(lines) == [forged]
    assert not redis.exists(f"rq:job:{forged}")
    assert redis.lrange(f"rq:queue:{INGEST}:intermediate", 0, -1) == []


CALLS = {
    "foreign function": call(MARK, [str(STORE), str(STORE)]),
    "our function of another queue": call(PULL_LOG, [str(STORE), str(STORE)]),
    "method": call("touch", [str(STORE), str(STORE)], "pathlib.Path"),
    "no ids": call(PROCESS_LOG, ["no", "id"]),
    "unusual ids": call(PROCESS_LOG, [f"urn:uuid:{STORE}", str(STORE)]),
    "one id": call(PROCESS_LOG, [str(STORE)]),
    "three ids": call(PROCESS_LOG, [str(STORE)] * 3),
    "list as id": call(PROCESS_LOG, [[str(STORE)], str(STORE)]),
    "keywords": call(PROCESS_LOG, [str(STORE), str(STORE)], keywords={"a": 1}),
    "function that is a list": call([PROCESS_LOG], [str(STORE), str(STORE)]),
    "no list": zlib.compress(b'"a"'),
    "no JSON": zlib.compress(b"{"),
    "deep JSON": zlib.compress(b"[" * 100_000),
    "bomb": zlib.compress(b" " * 50_000_000),
    "pickle": zlib.compress(pickle.dumps(Evil())),
    "bare pickle": pickle.dumps(Evil()),
    "bare JSON": json.dumps([PROCESS_LOG, None, [str(STORE)] * 2, {}]).encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("data", CALLS.values(), ids=CALLS)
def test_call_that_we_never_make_refuses_the_job(redis: Redis, worked: list[Any], data: bytes) -> None:
    forged, _ = enqueue_batch(redis)
    redis.hset(f"rq:job:{forged}", "data", data)
    lines = work(redis)
    assert (ran, worked, refused(lines)) == ([], [], [forged])
    assert not redis.exists(f"rq:job:{forged}")


def test_abandoned_forged_job_is_not_run_by_maintenance(redis: Redis, hook: tuple[str, list[str]]) -> None:
    url, hits = hook
    forged, _ = enqueue_batch(redis)
    redis.lrem(f"rq:queue:{INGEST}", 0, forged)
    sent: dict[Any, Any] = {"failure_callback_name": MARK, "webhooks": json.dumps(WEBHOOKS).replace("HOOK", url)}
    redis.hset(f"rq:job:{forged}", mapping=sent)
    redis.zadd(f"rq:wip:{INGEST}", {f"{forged}:execution": 1})
    lines = work(redis)
    assert (ran, hits, refused(lines)) == ([], [], [forged])


def test_dependents_of_our_job_are_not_enqueued(redis: Redis, worked: list[Any]) -> None:
    ours, log_id = enqueue_batch(redis)
    waiting, _ = enqueue_batch(redis)
    redis.lrem(f"rq:queue:{INGEST}", 0, waiting)
    redis.sadd(f"rq:job:{ours}:dependents", waiting)
    work(redis)
    assert worked == [(str(STORE), str(log_id))]


@pytest.mark.parametrize("entry", [b"\xff\xfe", b"", b"a b", b"../../x"])
def test_unreadable_entry_does_not_end_the_worker(redis: Redis, worked: list[Any], entry: bytes) -> None:
    redis.rpush(f"rq:queue:{INGEST}", entry)
    _, log_id = enqueue_batch(redis)
    lines = work(redis)
    assert worked == [(str(STORE), str(log_id))]
    assert len(refused(lines)) == 1
    assert redis.lrange(f"rq:queue:{INGEST}:intermediate", 0, -1) == []


def test_our_own_jobs_of_each_queue_run(redis: Redis, worked: list[Any]) -> None:
    made = [Ticket(STORE, new_id(), 2, entity, 5, queue) for entity, queue in (("orders", INGEST), ("orders", PULL))]
    enqueue_all(redis, made)
    enqueue_push(redis, STORE)
    lines = [line for queue in (INGEST, PULL, PUSH) for line in work(redis, queue)]
    assert worked == [(str(STORE), str(made[0].log_id)), (str(STORE), str(made[1].log_id)), (str(STORE),)]
    assert refused(lines) == []
    assert PUSH_STORE.endswith("push_store")


def test_failed_job_that_an_operator_requeues_runs(
    redis: Redis, worked: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, log_id = enqueue_batch(redis)
    with monkeypatch.context() as failing:
        failing.setattr(jobs, "process_log", lambda *_ids: 1 / 0)
        work(redis)
    worker = build_worker(redis, (INGEST,))
    worker.queues[0].failed_job_registry.requeue(ours)
    assert refused(work(redis)) == []
    assert worked == [(str(STORE), str(log_id))]
