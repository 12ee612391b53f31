"""`python -m app up` as people run it: ready line, refusals, restarts, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from app.stack.postgres import EmbeddedPostgres
from app.stack.redis import EmbeddedRedis
from tests.data_dirs import data_dir, is_running
from tests.waiting import wait_until

REPOSITORY = Path(__file__).parents[2]
OURS = ("DATABASE_URL", "MIGRATION_DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DATA_DIR", "HOST", "PORT", "WORKERS")
READY_SECONDS = 60.0
EVERY_PROCESS = ("api", "worker-1", "dispatcher", "redis", "postgres")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(root: Path, port: int, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    small = {"WORKERS": "1", "WEB_WORKERS": "1", "LOG_FORMAT": "json"}
    return kept | small | {"DATA_DIR": str(root), "PORT": str(port)} | more


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "app", *words]


def run(env: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60)


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
            self.process = subprocess.Popen(command("up"), cwd=REPOSITORY, env=self.env, stdout=out, stderr=err)
        return self

    def ready(self) -> Up:
        wait_until(lambda: "ready at" in self.text("out") or self.ended(), READY_SECONDS, "the ready line")
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
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listed.stdout.splitlines())}
        found = [self.pid]
        for ancestor in found:
            found += [pid for pid, parent in parents.items() if parent == ancestor]
        return found[1:]

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
        except OSError:
            return 0
        finally:
            connection.close()


@pytest.fixture
def up() -> Iterator[Up]:
    with data_dir() as root:
        made = Up(root)
        yield made
        made.end()


def gone(pids: list[int]) -> bool:
    return not any(is_running(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_its_url_and_ends_without_leaving_a_process(up: Up, number: signal.Signals) -> None:
    up.start().ready()
    assert f"http://127.0.0.1:{up.port}" in up.text("out")
    assert up.health() == 200
    family = up.family()
    assert len(family) >= len(EVERY_PROCESS)
    up.send(number)
    assert up.wait() == 0
    assert gone(family)
    stopped = [line["process"] for line in up.logged("process_stopped")]
    assert stopped == ["api", "dispatcher", "worker-1", "redis", "postgres"]
    assert "Traceback" not in up.text("err")
    assert not (up.root / "up.json").exists()


def test_impatient_signals_do_not_disturb_the_end(up: Up) -> None:
    up.start().ready()
    family = up.family()
    for _ in range(5):
        up.send(signal.SIGINT)
        time.sleep(0.02)  # apart, or the kernel makes one of them
    assert up.wait() == 0
    assert gone(family)
    assert "Traceback" not in up.text("err")


def test_a_signal_during_the_start_ends_it_as_well(up: Up) -> None:
    up.start()
    wait_until(lambda: (up.root / "up.json").exists(), READY_SECONDS, "up.json")
    up.send(signal.SIGTERM)
    assert up.wait() == 0
    assert "Traceback" not in up.text("err")


def test_a_second_one_on_the_same_data_dir_names_the_first(up: Up) -> None:
    up.start().ready()
    second = run(environment(up.root, free_port()), "up")
    assert second.returncode == 1
    assert f"process {up.pid} at http://127.0.0.1:{up.port}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert up.health() == 200


@pytest.mark.parametrize("name", EVERY_PROCESS)
def test_what_is_killed_is_started_again(up: Up, name: str) -> None:
    up.start().ready()
    before = up.pid_of(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: up.pid_of(name) != before, 30.0, f"a new {name}")
    wait_until(lambda: up.health() == 200, 30.0, "an answer of the API")
    assert is_running(up.pid_of(name))


def test_other_commands_find_its_servers(up: Up) -> None:
    up.start().ready()
    lines = dict(line.split("=", 1) for line in run(up.env, "embedded", "url").stdout.splitlines())
    assert list(lines) == ["DATABASE_URL", "MIGRATION_DATABASE_URL", "SUPERUSER_DATABASE_URL", "REDIS_URL"]
    with psycopg.connect(lines["DATABASE_URL"]) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("sluice_app",)


def test_without_it_other_commands_say_how_to_start_it(up: Up) -> None:
    answer = run(up.env, "embedded", "url")
    assert answer.returncode == 1
    assert "make run" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_after_kill_9_the_children_end_and_the_next_one_starts(up: Up) -> None:
    up.start().ready()
    family = up.family()
    up.send(signal.SIGKILL)
    up.wait()
    assert (up.root / "up.json").exists()
    up.start().ready()
    assert up.health() == 200
    wait_until(lambda: gone(family), 70.0, "the end of the first one's children")


def test_a_taken_port_is_told_before_anything_starts(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", up.port))
        other.listen()
        answer = run(up.env, "up")
    assert answer.returncode == 1
    assert answer.stderr.splitlines() == [
        f"PORT {up.port} is in use on 127.0.0.1: stop what listens there, or set PORT to a free one"
    ]
    assert not (up.root / "postgres").exists()


def test_a_wrong_setting_is_named(up: Up) -> None:
    answer = run(environment(up.root, up.port, WORKERS="many"), "up")
    assert answer.returncode != 0
    assert "WORKERS must be a whole number from 1 to 64" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture
def configured(up: Up) -> Iterator[EmbeddedPostgres]:
    """Servers that somebody else runs, and the settings that name them."""
    with data_dir() as elsewhere:
        postgres, redis = EmbeddedPostgres(elsewhere), EmbeddedRedis(elsewhere)
        try:
            postgres.start()
            redis.start()
            up.settings = {"DATABASE_URL": postgres.app_url(), "REDIS_URL": redis.url, "SECRET_KEY": "s" * 32}
            yield postgres
            assert postgres.pid and redis.pid, "they are not ours to stop"
        finally:
            up.end()
            redis.stop()
            postgres.stop()


def test_configured_servers_are_used_and_left_alone(up: Up, configured: EmbeddedPostgres) -> None:
    up.settings["MIGRATION_DATABASE_URL"] = configured.app_url().replace("sluice_app", "sluice_owner")
    refused = run(up.env, "up")
    assert "MIGRATION_DATABASE_URL does not answer" in refused.stderr  # the password is not the owner's
    assert refused.returncode == 1
    up.settings["MIGRATION_DATABASE_URL"] = configured.owner_url()
    up.start().ready()
    assert not (up.root / "postgres").exists()
    up.end()
    assert [line["process"] for line in up.logged("process_stopped")] == ["api", "dispatcher", "worker-1"]


@pytest.mark.usefixtures("configured")
def test_an_older_schema_without_the_owners_url_is_refused(up: Up) -> None:
    answer = run(up.env, "up")
    assert answer.returncode == 1
    assert "MIGRATION_DATABASE_URL" in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr


def test_a_configured_server_that_does_not_answer_is_told_in_one_line(up: Up) -> None:
    absent = {
        "DATABASE_URL": f"postgresql://u:hidden@127.0.0.1:{free_port()}/db",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}",
        "SECRET_KEY": "s" * 32,
    }
    answer = run(environment(up.root, up.port, **absent), "up")
    assert answer.returncode == 1
    assert "DATABASE_URL does not answer" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert "hidden" not in answer.stderr
