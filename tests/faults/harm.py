"""Faults for a running stack, each undone at the end of its block."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from redis.exceptions import RedisError

from app.stack.embedded.redis import EmbeddedRedis
from db.core.pool import FRESH_SECONDS
from tests.faults.proxy import Trap, in_the_way
from tests.support.stack import Stack, send
from tests.support.waiting import wait_until

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # the statement as it goes over the wire; the word alone stands in others too
QUEUE = "rq:queue:ingest"
KINDS = ("api", "dispatcher", "redis", "postgres")
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sluice %'"


def is_whole(stack: Stack) -> bool:
    """Whether all processes run, answer and are idle."""
    waiters = [int(stack.up.env[name]) for name in ("WORKERS", "PULL_WORKERS", "PUSH_WORKERS")]
    running = len(stack.pids("worker")) == waiters[0] and all(stack.pids(kind) for kind in KINDS)
    if not running or not stack.answers_sql() or stack.up.health() != 200:
        return False
    try:
        waiting = stack.redis.client_list()
    except RedisError:
        return False
    return sum(client["cmd"] == "blmove" for client in waiting) == sum(waiters)


def pause(seconds: float) -> None:
    """Sleep while a fault lasts. To wait for a condition, use `wait_until`."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, seconds + 1.0, "the clock")


@contextmanager
def away(stack: Stack, kind: str, number: signal.Signals) -> Iterator[None]:
    """Kill all processes of a kind for the block; their supervisor is frozen meanwhile."""
    send(stack.up.pid, signal.SIGSTOP)
    try:
        stack.kill(kind, number)
        wait_until(lambda: not stack.pids(kind), 20.0, f"the end of {kind}")
        yield
    finally:
        send(stack.up.pid, signal.SIGCONT)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze the process within the block. It may be killed there."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        send(pid, signal.SIGCONT)


@contextmanager
def postgres_through(stack: Stack, trap: Trap) -> Iterator[Trap]:
    """Route all connections of API, workers and dispatcher to PostgreSQL through a proxy."""
    parts = conninfo_to_dict(stack.postgres.app_url())
    with in_the_way(Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}", trap):
        stack.sql(CUT)
        pause(FRESH_SECONDS)  # for so long a pool takes a connection that it has just used for alive
        yield trap


@contextmanager
def redis_through(stack: Stack, trap: Trap) -> Iterator[Trap]:
    """Route all connections to Redis through a proxy."""
    path = EmbeddedRedis(stack.root).url.removeprefix("unix://").partition("?")[0]
    with in_the_way(Path(path), trap):
        with suppress(RedisError):
            stack.redis.client_kill_filter(_type="normal", skipme=True)
        yield trap


@contextmanager
def short_of_memory(stack: Stack, spare: int) -> Iterator[None]:
    """Limit the memory of workers and their successors to `spare` bytes more than now."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("the memory of another process is limited on Linux alone")
    workers = stack.pids("worker")
    most = max(_address_space(pid) for pid in workers) + spare
    before = {pid: resource.prlimit(pid, resource.RLIMIT_AS) for pid in [stack.up.pid, *workers]}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        for pid in [stack.up.pid, *stack.pids("worker")]:
            resource.prlimit(pid, resource.RLIMIT_AS, before[stack.up.pid])


def _address_space(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def set_clock(conn: Connection, hours: int) -> None:
    """Move all stored times, as if the database's clock had been set. Running attempts keep theirs."""
    conn.execute(
        "UPDATE sync_logs SET next_attempt_at = next_attempt_at - %(shift)s, enqueued_at = enqueued_at - %(shift)s,"
        " accepted_at = accepted_at - %(shift)s, started_at = started_at - %(shift)s"
        " WHERE id IN (SELECT id FROM sync_logs WHERE status = 'running' FOR UPDATE SKIP LOCKED)",
        {"shift": timedelta(hours=hours)},
    )


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Mount a file system of that size at `path`. Needs root."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    if not mounted:
        pytest.skip("a small disk is mounted by root alone, and this account may not mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
