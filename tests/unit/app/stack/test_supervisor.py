"""Decisions of supervisor, endpoints and `up`, without processes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.settings.environment import load_settings
from app.stack.checks import web_url
from app.stack.command_errors import CommandError
from app.stack.embedded.postgres import SERVER_SETTINGS
from app.stack.embedded.redis import FIXED_REDIS, FIXED_VALKEY, is_fixed, parse_version, version_warnings
from app.stack.embedded.sockets import is_private
from app.stack.endpoints import Endpoints, NotRunning, resolve
from app.stack.state import Running, UpLock, clear_running, current, is_held, read_running, write_running
from app.stack.supervisor.child import reason_in
from app.stack.supervisor.processes import Supervised, Supervisor, next_delay
from app.stack.up import child_environment, child_specs, stop_order

ENDPOINTS = Endpoints("postgresql://app@/sluice", "postgresql://owner@/sluice", None, "unix:///r.sock", "k" * 32)


@dataclass
class Scripted:
    """A fake process: the test sets its exit codes and reads its calls."""

    name: str
    notes: list[str] = field(default_factory=list)
    code: int | None = None
    fails: bool = False
    pid: int | None = None

    def start(self) -> None:
        if self.fails:
            raise CommandError("no")
        self.notes.append(f"start {self.name}")
        self.code = None

    def exit_code(self) -> int | None:
        return self.code

    def ask_to_stop(self) -> None:
        self.notes.append(f"ask {self.name}")

    def wait_stopped(self) -> None:
        self.notes.append(f"wait {self.name}")


def test_restart_delay_doubles_up_to_two_seconds() -> None:
    delays = [next_delay(None, 0.0)]
    for _ in range(5):
        delays.append(next_delay(delays[-1], 0.1))
    assert delays == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_restart_delay_resets_after_ten_seconds() -> None:
    assert next_delay(2.0, 9.9) == 2.0
    assert next_delay(2.0, 10.0) == 0.2


def test_dead_process_restarts_after_its_delay() -> None:
    process = Scripted("worker")
    supervised = Supervised(process)
    supervised.start(now=100.0)
    process.code = -9
    supervised.tick(now=101.0)
    supervised.tick(now=101.1)
    assert process.notes == ["start worker"]
    supervised.tick(now=101.3)
    assert process.notes == ["start worker", "start worker"]


def test_failed_restart_is_retried_later() -> None:
    process = Scripted("redis")
    supervised = Supervised(process)
    supervised.start(now=0.0)
    process.code, process.fails = 1, True
    supervised.tick(now=1.0)
    supervised.tick(now=1.2)
    process.fails = False
    supervised.tick(now=1.5)
    assert process.notes == ["start redis"]
    supervised.tick(now=1.7)
    assert process.notes == ["start redis", "start redis"]


def test_stages_stop_in_order_members_together() -> None:
    notes: list[str] = []
    supervisor = Supervisor()
    for name in ("postgres", "api", "worker-1", "worker-2"):
        supervisor.start(Scripted(name, notes))
    notes.clear()
    supervisor.stop([["api"], ["worker-1", "worker-2"], ["postgres"]])
    assert notes == [
        *("ask api", "wait api"),
        *("ask worker-1", "ask worker-2", "wait worker-1", "wait worker-2"),
        *("ask postgres", "wait postgres"),
    ]


def test_process_that_failed_to_start_is_stopped() -> None:
    supervisor = Supervisor()
    process = Scripted("postgres", fails=True)
    with pytest.raises(CommandError):
        supervisor.start(process)
    supervisor.stop([["postgres"]])
    assert process.notes == ["ask postgres", "wait postgres"]


def test_stop_order_names_every_process() -> None:
    settings = load_settings({"WORKERS": "3"})
    started = ["redis", "postgres", *(spec.name for spec in child_specs(settings, ENDPOINTS, {}))]
    stopped = [name for stage in stop_order(settings) for name in stage]
    assert sorted(started) == sorted(stopped)
    working = ["worker-1", "worker-2", "worker-3", "puller-1", "pusher-1", "pusher-2"]
    assert stopped == ["api", "listener", "dispatcher", *working, "redis", "postgres"]


def test_children_get_no_privileged_urls() -> None:
    privileged = {f"{name}_DATABASE_URL": "secret" for name in ("MIGRATION", "BACKUP", "RESTORE")}
    env = child_environment(ENDPOINTS, privileged | {"LANG": "C", "DATABASE_URL": "old"})
    assert env == {
        "LANG": "C",
        "DATABASE_URL": "postgresql://app@/sluice",
        "REDIS_URL": "unix:///r.sock",
        "SECRET_KEY": "k" * 32,
    }


def test_repr_hides_passwords_and_keys() -> None:
    specs = child_specs(load_settings({}), ENDPOINTS, {})
    assert "k" * 32 not in repr(specs) + repr(ENDPOINTS)
    assert "postgresql://" not in repr(specs) + repr(ENDPOINTS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("log_statement", "none"), ("log_min_error_statement", "panic"), ("log_error_verbosity", "terse")),
        *(("log_parameter_max_length", "0"), ("log_parameter_max_length_on_error", "0"), ("fsync", "on")),
    ],
)
def test_postgres_syncs_data_and_logs_no_values(name: str, value: str) -> None:
    assert SERVER_SETTINGS[name] == value


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        *(("6.2.19", False), ("6.2.20", True), ("7.0.15", False), ("7.2.11", True), ("7.4.5", False)),
        *(("8.0.3", False), ("8.0.4", True), ("8.2.1", False), ("8.2.2", True), ("8.4.0", True), ("5.0.14", False)),
    ],
)
def test_fixed_redis_releases_are_known(text: str, fixed: bool) -> None:
    assert is_fixed(parse_version(text), FIXED_REDIS) is fixed


@pytest.mark.parametrize(
    ("text", "fixed"), [("7.2.10", False), ("7.2.11", True), ("8.0.5", False), ("8.1.4", True), ("9.0.0", True)]
)
def test_fixed_valkey_releases_are_known(text: str, fixed: bool) -> None:
    assert is_fixed(parse_version(text), FIXED_VALKEY) is fixed


def test_valkey_is_checked_by_its_own_version() -> None:
    assert version_warnings({"redis_version": "7.2.4", "valkey_version": "8.1.4"}) == []
    warnings = version_warnings({"redis_version": "7.2.4"})
    assert warnings == ["redis 7.2.4 has CVE-2025-49844: update it to 7.2.11 or newer"]


def test_reason_is_the_last_failure_in_the_log() -> None:
    assert reason_in("LOG: hello\nFATAL: no space\nLOG: shut down\n") == "FATAL: no space"
    assert reason_in("one\ntwo\n") == "two"
    assert reason_in("") == "it left no message"


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("0.0.0.0", "http://127.0.0.1:8000"), ("::", "http://[::1]:8000")],
)
def test_web_url_is_reachable_on_this_machine(host: str, url: str) -> None:
    assert web_url(host, 8000) == url


def test_configured_servers_are_used_unchanged() -> None:
    settings = load_settings(
        {"DATABASE_URL": "postgresql://h/db", "REDIS_URL": "redis://h", "SECRET_KEY": "s" * 32, "DATA_DIR": "/nowhere"}
    )
    endpoints = resolve(settings)
    assert (endpoints.database_url, endpoints.redis_url) == ("postgresql://h/db", "redis://h")
    assert endpoints.migration_database_url is None


def test_missing_up_message_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(NotRunning) as caught:
        resolve(load_settings({"DATA_DIR": str(tmp_path)}))
    assert "make run" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_state_file_without_lock_is_of_a_killed_up(tmp_path: Path) -> None:
    running = Running(pid=1, url="http://x", started="now", embedded=True, serving=True)
    write_running(tmp_path, running)
    with pytest.raises(NotRunning):
        current(tmp_path)
    lock = UpLock(tmp_path)
    assert lock.take()
    assert current(tmp_path) == running
    assert not UpLock(tmp_path).take()
    lock.release()
    assert not is_held(tmp_path)
    clear_running(tmp_path)
    assert read_running(tmp_path) is None


def test_starting_up_differs_from_serving_up(tmp_path: Path) -> None:
    lock = UpLock(tmp_path)
    assert lock.take()
    write_running(tmp_path, Running(pid=1, url="u", started="now", embedded=True, serving=False))
    with pytest.raises(NotRunning, match="still starting"):
        current(tmp_path)
    lock.release()


def test_socket_directory_of_others_is_not_used(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(mine)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    os.chmod(open_to_all, 0o777)
    assert is_private(mine, None)
    assert not is_private(tmp_path / "link", None)
    assert not is_private(open_to_all, None)
    assert not is_private(tmp_path / "absent", None)
