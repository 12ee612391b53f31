"""`python -m app up` as people run it: ready line, refusals, restarts, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from app.commands.terminal.exits import AWAY
from app.stack.embedded.postgres import EmbeddedPostgres
from app.stack.embedded.redis import EmbeddedRedis
from tests.conftest import Servers
from tests.support.data_dirs import data_dir, is_running
from tests.support.paths import ROOT
from tests.support.stack import READY_SECONDS, Stack, Up, command, environment, free_port, gone, run
from tests.support.waiting import wait_until

SEEN: dict[int, str] = {}  # what each terminal has shown so far
STOPPED = ({"api", "listener"}, {"dispatcher"}, {"worker-1", "puller-1", "pusher-1"}, {"redis"}, {"postgres"})
EVERY_PROCESS = [name for stage in STOPPED for name in sorted(stage)]


@pytest.fixture
def up() -> Iterator[Up]:
    with data_dir() as root:
        made = Up(root)
        yield made
        made.end()


def assert_stopped_in_order(up: Up, stages: int) -> None:
    """One stage after the other; those of a stage end as they come."""
    stopped = [line["process"] for line in up.logged("process_stopped")]
    for stage in STOPPED[:stages]:
        assert set(stopped[: len(stage)]) == stage
        stopped = stopped[len(stage) :]
    assert stopped == []


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_it_tells_its_url_and_ends_without_leaving_a_process(up: Up, number: signal.Signals) -> None:
    up.start().ready()
    assert f"http://127.0.0.1:{up.port}" in up.text("out")
    assert up.health() == 200
    family = up.family()
    assert len(family) >= len(EVERY_PROCESS)
    up.send(number)
    assert up.wait() == 0
    assert gone(family)
    assert_stopped_in_order(up, len(STOPPED))
    assert "Traceback" not in up.text("err")
    assert not (up.root / "up.json").exists()


def test_on_a_terminal_the_first_operator_gets_a_link(up: Up) -> None:
    terminal, inner = pty.openpty()
    quiet = {name: value for name, value in up.env.items() if name not in ("LOG_LEVEL", "LOG_FORMAT")}
    up.process = subprocess.Popen(command("up"), cwd=ROOT, env=quiet, stdout=inner, stderr=inner)
    os.close(inner)
    shown = wait_until(lambda: read_banner(terminal), READY_SECONDS, "six lines")
    assert shown is not None
    assert len(shown.splitlines()) == 6, shown  # no line of a log before them
    link = re.search(r"http://\S+/console/sign-in\?link=\S+", shown)
    assert link is not None
    with httpx.Client(follow_redirects=True) as browser:
        assert str(browser.get(f"http://127.0.0.1:{up.port}/").url).startswith(
            f"http://127.0.0.1:{up.port}/console/login"
        )
        form = browser.get(link[0]).text
        csrf, secret = (re.search(rf'name="{name}" value="([^"]+)"', form) for name in ("csrf", "link"))
        assert csrf and secret
        page = browser.post(link[0], data={"csrf": csrf[1], "link": secret[1]})
    assert page.status_code == 200 and "System" in page.text  # an operator's page
    assert "link=" not in run(up.env, "operators", "list").stdout
    up.send(signal.SIGTERM)
    assert up.wait() == 0
    os.close(terminal)


def read_banner(terminal: int) -> str | None:
    """All that was written, once it has the banner's last line."""
    SEEN[terminal] = SEEN.get(terminal, "")
    while select.select([terminal], [], [], 0)[0]:
        SEEN[terminal] += os.read(terminal, 65_536).decode()
    return SEEN[terminal] if "stores create" in SEEN[terminal] else None


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_second_one_on_the_same_data_dir_names_the_first(up: Up) -> None:
    up.start().ready()
    second = run(environment(up.root, free_port()), "up")
    assert second.returncode == 1
    assert f"process {up.pid} at http://127.0.0.1:{up.port}" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    assert up.health() == 200


def test_what_serves_nobody_is_started_again_when_killed(stack: Stack) -> None:
    """API, worker, Redis and PostgreSQL are killed by the tests of faults."""
    killed = {name: stack.up.pid_of(name) for name in ("dispatcher", "listener", "puller-1", "pusher-1")}
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(stack.up.pid_of(name) != pid for name, pid in killed.items()), 30.0, "new ones")
    assert all(is_running(stack.up.pid_of(name)) for name in killed)


@pytest.mark.slow
def test_what_is_killed_is_started_again(up: Up) -> None:
    up.start().ready()
    for name in EVERY_PROCESS:
        before = up.pid_of(name)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: up.pid_of(name) != before, 30.0, f"a new {name}")  # noqa: B023 - called in this round
        wait_until(lambda: up.health() == 200, 30.0, "an answer of the API")
        assert is_running(up.pid_of(name))


@pytest.mark.slow
def test_other_commands_find_its_servers(up: Up) -> None:
    up.start().ready()
    lines = dict(line.split("=", 1) for line in run(up.env, "embedded", "url").stdout.splitlines())
    assert list(lines) == ["DATABASE_URL", "MIGRATION_DATABASE_URL", "SUPERUSER_DATABASE_URL", "REDIS_URL"]
    with psycopg.connect(lines["DATABASE_URL"]) as conn:
        assert conn.execute("SELECT current_user").fetchone() == ("sluice_app",)


def test_without_it_other_commands_say_how_to_start_it(up: Up) -> None:
    answer = run(up.env, "embedded", "url")
    assert answer.returncode == AWAY
    assert "make run" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.slow
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


@pytest.mark.slow
def test_configured_servers_are_used_and_left_alone(up: Up, configured: EmbeddedPostgres) -> None:
    up.settings["MIGRATION_DATABASE_URL"] = configured.app_url().replace("sluice_app", "sluice_owner")
    refused = run(up.env, "up")
    assert "MIGRATION_DATABASE_URL does not answer" in refused.stderr  # the password is not the owner's
    assert refused.returncode == AWAY
    up.settings["MIGRATION_DATABASE_URL"] = configured.owner_url()
    up.start().ready()
    assert not (up.root / "postgres").exists()
    up.end()
    assert_stopped_in_order(up, len(STOPPED) - 2)


def test_an_older_schema_without_the_owners_url_is_refused(up: Up, servers: Servers) -> None:
    """The database `postgres` has no schema at all."""
    urls = {"DATABASE_URL": servers.postgres.app_url("postgres"), "REDIS_URL": servers.redis.url}
    answer = run(up.env | urls | {"SECRET_KEY": "s" * 32}, "up")
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
    assert answer.returncode == AWAY
    assert "DATABASE_URL does not answer" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert "hidden" not in answer.stderr
