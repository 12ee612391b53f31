"""The whole of Sluice in real processes: one `python -m app up` on a DATA_DIR of its own, and ways to look into it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
import psycopg
from redis import Redis

from app.stack.embedded.postgres import DATABASE, EmbeddedPostgres
from app.stack.embedded.postgres_install import current_directory
from app.stack.embedded.redis import EmbeddedRedis
from app.usecases.stores import create_store
from tests.support.data_dirs import data_dir, is_running
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

OURS = (
    "DATABASE_URL",
    "MIGRATION_DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "DATA_DIR",
    "HOST",
    "PORT",
    "WORKERS",
    "PULL_WORKERS",
    "PUSH_WORKERS",
)
READY_SECONDS = 60.0
RECOVERY_SECONDS = 30.0  # promise 3: every accepted batch ends within this time of the fault's end
# For a stack whose processes are killed in mid-work: what they run is counted in stacks that may end by themselves.
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
WITHOUT_LIMITS = {"RATE_LIMIT_PER_MINUTE": "1000000"}
MARKS = {
    "api": "gunicorn",
    "worker": r"app worker(?! pu)",
    "puller": "app worker pull",
    "pusher": "app worker push",
    "listener": "app listener",
    "dispatcher": "app dispatcher",
    "redis": "redis",
    "postgres": "postgres",
}

Answer = dict[str, Any]
Record = dict[str, Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(root: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    small = {"WORKERS": "1", "PULL_WORKERS": "1", "PUSH_WORKERS": "1", "WEB_WORKERS": "1", "LOG_FORMAT": "json"}
    fakes = {"ALLOW_HTTP_SHOPS": "true"}  # fakes of shops run on loopback
    return kept | small | fakes | {"DATA_DIR": str(root), "PORT": str(port)} | more


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "app", *words]


def run(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def gone(pids: Iterable[int]) -> bool:
    return not any(is_running(pid) for pid in pids)


@dataclass
class Up:
    """One `up`, its output in two files beside DATA_DIR."""

    root: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return environment(self.root, self.port, **self.settings)

    def start(self) -> Up:
        with self._file("out").open("wb") as out, self._file("err").open("wb") as err:
            self.process = subprocess.Popen(command("up"), cwd=ROOT, env=self.env, stdout=out, stderr=err)
        return self

    def ready(self) -> Up:
        wait_until(lambda: "ready at" in self.text("out") or self.ended() is not None, READY_SECONDS, "the ready line")
        assert self.ended() is None, self.text("err")
        return self

    def _file(self, name: str) -> Path:
        return self.root.with_name(name)

    def text(self, name: str) -> str:
        return self._file(name).read_text()

    def ended(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float = 90.0) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def end(self) -> None:
        if self.process is not None and self.ended() is None:
            self.send(signal.SIGTERM)
            self.wait()

    def family(self) -> list[int]:
        """The ids of all processes below it."""
        listed = processes()
        found = [self.pid]
        for ancestor in found:
            found += [pid for pid, (parent, _) in listed.items() if parent == ancestor]
        return found[1:]

    def children(self, name: str) -> list[int]:
        """The ids of its own children of that kind (`api`, `worker`, `dispatcher`, `redis`, `postgres`), oldest first."""
        return sorted(
            pid for pid, (parent, words) in processes().items() if parent == self.pid and re.search(MARKS[name], words)
        )

    def logged(self, event: str) -> list[dict[str, object]]:
        lines = (json.loads(line) for line in self.text("err").splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == event]

    def pid_of(self, name: str) -> int:
        """The newest process id of a child, by the log."""
        found = [
            line["pid"]
            for line in self.logged("process_started") + self.logged("process_restarted")
            if line["process"] == name
        ]
        return int(str(found[-1]))

    def health(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command line of each process that runs; zombies are left out."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = (line.split(None, 3) for line in listed.stdout.splitlines())
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")}


@dataclass(frozen=True)
class Shop:
    """One tenant of a stack, and its way in over HTTP."""

    stack: Stack
    id: UUID
    token: str

    def call(self, method: str, path: str, content: bytes | None = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers
        return self.stack.http.request(method, path, content=content, headers=sent)

    def post(self, entity: str, records: Sequence[Any], **headers: str) -> httpx.Response:
        """Post a batch. Headers by name, `_` for `-`: `Idempotency_Key="7"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", f"/api/sync/{entity}", json.dumps({entity: records}).encode(), **named)

    def accept(self, entity: str, records: Sequence[Any], **headers: str) -> str:
        """Post a batch that must be accepted; its job id."""
        answer = self.post(entity, records, **headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["data"]["jobId"])

    def start(self, path: str, **body: Any) -> str:
        """Start a pull that must be accepted; its job id."""
        answer = self.call("POST", path, json.dumps(body).encode())
        assert answer.status_code == 202, answer.text
        return str(answer.json()["data"]["jobId"])

    def job(self, job_id: str) -> Answer:
        answer = self.call("GET", f"/api/sync/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        data: Answer = answer.json()["data"]
        return data

    def wait_ended(self, job_ids: Iterable[str], deadline: float = RECOVERY_SECONDS) -> list[Answer]:
        """The jobs once all have ended, however; a server that is away meanwhile is asked again."""
        end = monotonic() + deadline
        return [self._wait_ended(job_id, max(end - monotonic(), 0.0)) for job_id in job_ids]

    def _wait_ended(self, job_id: str, seconds: float) -> Answer:
        job = wait_until(lambda: self._ended(job_id), seconds, f"the end of {job_id}")
        assert job is not None
        return job

    def wait_completed(self, job_ids: Iterable[str], deadline: float = RECOVERY_SECONDS) -> list[Answer]:
        jobs = self.wait_ended(job_ids, deadline)
        assert [job for job in jobs if job["status"] != "completed"] == []
        return jobs

    def _ended(self, job_id: str) -> Answer | None:
        try:
            answer = self.call("GET", f"/api/sync/jobs/{job_id}")
        except httpx.TransportError:
            return None
        assert answer.status_code in (200, 503), answer.text
        job: Answer | None = answer.json().get("data")
        return job if job is not None and job["status"] != "running" else None


class Stack:
    """A running `up` with embedded servers."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.root = up.root
        self.url = f"http://127.0.0.1:{up.port}"
        self.postgres = EmbeddedPostgres(up.root)
        self.http = httpx.Client(base_url=self.url, timeout=40.0, limits=httpx.Limits(max_connections=64))
        self.redis = Redis.from_url(EmbeddedRedis(up.root).url, decode_responses=False)

    def close(self) -> None:
        self.http.close()
        self.redis.close()

    def create_store(self, name: str = "Test shop") -> Shop:
        with psycopg.connect(self.postgres.app_url(), autocommit=True) as conn:
            made = create_store(conn, name, "woocommerce")
        return Shop(self, made.store_id, made.token)

    def connect_store(self, platform: str, url: str, credentials: Mapping[str, str], role: str = "store") -> Shop:
        """A store that is pulled, or kept in step, made on the command line."""
        words = ("--name", "Connected shop", "--platform", platform, "--url", url, "--role", role, "--json")
        done = run(self.up.env, "stores", "create", *words, "--credentials", json.dumps(dict(credentials)))
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        return Shop(self, UUID(made["storeId"]), made["token"])

    def superuser(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Sees every row of every store, and may lock any of them. The caller closes it."""
        return psycopg.connect(self.postgres.superuser_url(DATABASE), autocommit=True)

    def sql(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask, or do, as the superuser."""
        with self.superuser() as conn:
            cursor = conn.execute(query.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *parameters: Any) -> Any:
        """The only value of an answer."""
        ((value,),) = self.sql(query, *parameters)
        return value

    def answers_sql(self) -> bool:
        try:
            return bool(self.one("SELECT true"))
        except psycopg.OperationalError:
            return False

    def pids(self, name: str) -> list[int]:
        return self.up.children(name)

    def kill(self, name: str, number: signal.Signals) -> list[int]:
        """Signal every child of that kind; the ids."""
        sent = self.pids(name)
        for pid in sent:
            send(pid, number)
        return sent

    @contextmanager
    def frozen(self, name: str) -> Iterator[list[int]]:
        """The children of that kind stand still within the block."""
        pids = self.kill(name, signal.SIGSTOP)
        assert pids, f"no {name} to freeze"
        try:
            yield pids
        finally:
            for pid in pids:
                send(pid, signal.SIGCONT)

    @property
    def log(self) -> str:
        return self.up.text("err")

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Of DATA_DIR, of the cluster where it is kept elsewhere, and the output of `up`."""
        for place in {self.root.parent, current_directory(self.root).resolve()}:
            for path in [path for path in place.rglob("*") if path.is_file() and not path.is_symlink()]:
                try:
                    content = path.read_bytes()
                except FileNotFoundError:  # PostgreSQL runs, and replaces some of its files
                    continue
                yield path, content

    def thaw(self) -> None:
        for pid in [self.up.pid, *self.up.family()]:
            send(pid, signal.SIGCONT)


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


@contextmanager
def running_stack(**settings: str) -> Iterator[Stack]:
    """A stack that serves, with these settings; at the end it is stopped, and nothing of it may be left behind."""
    with data_dir() as root, running_on(root, **settings) as stack:
        yield stack


@contextmanager
def running_on(root: Path, **settings: str) -> Iterator[Stack]:
    """The same on a DATA_DIR of the caller's."""
    up = Up(root, settings=WITHOUT_LIMITS | settings)
    try:
        stack = Stack(up.start().ready())
        try:
            yield stack
        finally:
            stack.close()
            stack.thaw()
    finally:
        family = up.family()
        up.end()
    assert up.ended() == 0
    assert gone(family), "a process was left behind"
