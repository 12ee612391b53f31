"""The faults: each does its harm to a running stack, and returns when it is over."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from redis.exceptions import RedisError

from app.stack.embedded.redis import EmbeddedRedis
from tests.faults.harm import COMMIT, postgres_through
from tests.faults.proxy import Act, Trap
from tests.support.stack import Stack, processes, send
from tests.support.waiting import wait_until

Fault = Callable[[Stack, random.Random], None]


@dataclass(frozen=True)
class Done:
    """A fault that happened, from `began` to `ended` (seconds since the epoch)."""

    name: str
    began: float
    ended: float


def _one(stack: Stack, name: str, draw: random.Random) -> int | None:
    pids = stack.pids(name)
    return draw.choice(pids) if pids else None


def _signal(name: str, number: signal.Signals) -> Fault:
    def fault(stack: Stack, draw: random.Random) -> None:
        pid = _one(stack, name, draw)
        if pid is not None:
            send(pid, number)

    return fault


def _freeze(name: str, low: float, high: float) -> Fault:
    def fault(stack: Stack, draw: random.Random) -> None:
        pid = _one(stack, name, draw)
        if pid is not None:
            below = [child for child, (parent, _) in processes().items() if parent == pid]
            family = [pid, *below] if name == "api" else [pid]
            for member in family:
                send(member, signal.SIGSTOP)
            time.sleep(draw.uniform(low, high))
            for member in family:
                send(member, signal.SIGCONT)

    return fault


def _flush(stack: Stack, _draw: random.Random) -> None:
    _redis(stack, lambda redis: redis.flushall())


def _no_memory(stack: Stack, draw: random.Random) -> None:
    _redis(stack, lambda redis: redis.config_set("maxmemory", 1))
    time.sleep(draw.uniform(1, 4))
    _redis(stack, lambda redis: redis.config_set("maxmemory", 0))


def _redis(stack: Stack, act: Callable[[Redis], object]) -> None:
    """Through a connection of its own: the stack's may be a dead one. A server that is restarting has forgotten anyway."""
    try:
        with Redis.from_url(EmbeddedRedis(stack.root).url, socket_timeout=2) as redis:
            act(redis)
    except RedisError:
        pass


def _terminate_backends(stack: Stack, _draw: random.Random) -> None:
    stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice_app'")


def _terminate_at_commit(stack: Stack, draw: random.Random) -> None:
    """For a second, end every backend that is seen committing: its client can't know whether the commit went through."""
    end = time.monotonic() + draw.uniform(0.5, 1.5)
    with stack.superuser() as conn:
        while time.monotonic() < end:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sluice_app'"
                " AND state = 'active' AND (query LIKE 'COMMIT%%' OR query LIKE '%%accept_log%%')"
            )


def _cut_at_commit(stack: Stack, draw: random.Random) -> None:
    """For a while all go through a proxy, which breaks the next few connections that commit, before or after it."""
    words = draw.choice([(COMMIT,), (b"sluice api", b"accept_log")])  # the API's one statement is its own transaction
    trap = Trap(words, draw.choice([Act.CUT_REPLY, Act.CUT_REPLY, Act.CUT_REQUEST]), left=draw.randint(1, 6))
    with postgres_through(stack, trap):
        time.sleep(draw.uniform(0.5, 2))


FAULTS: dict[str, Fault] = {
    "worker kill": _signal("worker", signal.SIGKILL),
    "worker term": _signal("worker", signal.SIGTERM),
    "worker freeze": _freeze("worker", 1, 6),
    "puller kill": _signal("puller", signal.SIGKILL),
    "puller term": _signal("puller", signal.SIGTERM),
    "puller freeze": _freeze("puller", 1, 12),
    "pusher kill": _signal("pusher", signal.SIGKILL),
    "pusher term": _signal("pusher", signal.SIGTERM),
    "pusher freeze": _freeze("pusher", 1, 20),
    "listener kill": _signal("listener", signal.SIGKILL),
    "dispatcher kill": _signal("dispatcher", signal.SIGKILL),
    "dispatcher term": _signal("dispatcher", signal.SIGTERM),
    "dispatcher freeze": _freeze("dispatcher", 1, 6),
    "api kill": _signal("api", signal.SIGKILL),
    "api term": _signal("api", signal.SIGTERM),
    "api freeze": _freeze("api", 0.5, 2),
    "redis kill": _signal("redis", signal.SIGKILL),
    "redis freeze": _freeze("redis", 2, 6),
    "redis flush": _flush,
    "redis full": _no_memory,
    "postgres immediate stop": _signal("postgres", signal.SIGQUIT),
    "postgres backends ended": _terminate_backends,
    "postgres ended at commit": _terminate_at_commit,
    "postgres cut at commit": _cut_at_commit,
}
WEIGHTS = {
    "worker kill": 4,
    "puller kill": 4,
    "pusher kill": 4,
    "postgres cut at commit": 3,
    "postgres immediate stop": 1,
}


def one_fault(stack: Stack, draw: random.Random) -> Done:
    """One fault at random, worker kills above all."""
    name = draw.choices(list(FAULTS), [WEIGHTS.get(each, 2) for each in FAULTS])[0]
    if name == "redis freeze":  # what the API takes to answer then is measured, and not what it takes to start
        wait_until(lambda: stack.up.health() == 200, 60.0, "the API")
    began = time.time()
    if not name.startswith("postgres") or stack.answers_sql():
        FAULTS[name](stack, draw)
    return Done(name, began, time.time())
