"""`dashboard`: what rq-dashboard is started with. It lives in an environment of its own,
so a stand-in takes its place but in the slow proof."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from redis import Redis

from db.sync.logs import Ticket
from tests.conftest import Servers
from tests.support.paths import ROOT
from tests.support.stack import command, run
from tests.support.waiting import wait_until
from workers.core.ids import new_id
from workers.core.queues import WakeUp

TICKET = Ticket(UUID("00000000-0000-7000-8000-000000003f2a"), new_id(), 1, "orders", 1000)
REDIS_URL = "redis://127.0.0.1:1/0"
STAND_IN = f"""#!{sys.executable}
import os, sys
print(sys.argv[1:])
for name in sorted(os.environ):
    if name.startswith("RQ_DASHBOARD_"):
        print(name, os.environ[name])
"""


def settings(folder: Path) -> dict[str, str]:
    servers = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/d", "REDIS_URL": REDIS_URL, "SECRET_KEY": "s" * 32}
    return {**os.environ, "DATA_DIR": str(folder / "data"), **servers}


def started(folder: Path) -> tuple[str, list[str]]:
    """What is said to the operator, and what the program was given."""
    program = folder / "rq-dashboard"
    program.write_text(STAND_IN, encoding="utf-8")
    program.chmod(0o755)
    answer = run(settings(folder), "dashboard", "--program", str(program))
    assert answer.returncode == 0, answer.stderr
    told, *given = answer.stdout.splitlines()
    return told, given


def test_it_listens_on_loopback_reads_json_and_asks_for_the_password_told(tmp_path: Path) -> None:
    told, given = started(tmp_path)
    password = told.split("password ")[1].split()[0]
    assert given == [
        "[]",
        "RQ_DASHBOARD_BIND 127.0.0.1",
        "RQ_DASHBOARD_DISABLE_DELETE true",
        "RQ_DASHBOARD_JSON true",
        f"RQ_DASHBOARD_PASSWORD {password}",
        "RQ_DASHBOARD_PORT 9181",
        f"RQ_DASHBOARD_REDIS_URL {REDIS_URL}",
        "RQ_DASHBOARD_USERNAME sluice",
    ]
    assert len(password) >= 16


def test_each_run_has_a_password_of_its_own(tmp_path: Path) -> None:
    assert started(tmp_path)[0] != started(tmp_path)[0]


def test_where_it_is_not_installed_it_says_how_to(tmp_path: Path) -> None:
    answer = run(settings(tmp_path), "dashboard", "--program", str(tmp_path / "nothing"))
    assert answer.returncode == 1
    assert answer.stderr == f"{tmp_path / 'nothing'} is not installed: run `make dashboard`\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real one, as `make dashboard` installs it."""
    folder = tmp_path_factory.mktemp("dashboard")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    words = [str(folder / "bin" / "pip"), "install", "--quiet", "-r", str(ROOT / "requirements-dashboard.txt")]
    installed = subprocess.run(words, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip("rq-dashboard can't be installed: " + installed.stderr.strip().splitlines()[-1])
    return folder / "bin" / "rq-dashboard"


@pytest.fixture
def shown(program: Path, servers: Servers, redis: Redis, tmp_path: Path) -> Iterator[httpx.Client]:
    """The dashboard on a Redis in which a job waits, signed in with the password that was told."""
    WakeUp(redis).enqueue([TICKET])
    env = settings(tmp_path) | {"REDIS_URL": servers.redis.url}
    with subprocess.Popen(
        command("dashboard", "--program", str(program)), cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        password = process.stdout.readline().split("password ")[1].split()[0]
        with httpx.Client(base_url="http://127.0.0.1:9181", auth=("sluice", password), timeout=10.0) as client:
            wait_until(lambda: answers(client), 30.0, "the dashboard to answer")
            yield client
        process.terminate()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/0/data/queues.json").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
def test_a_waiting_job_is_readable_and_free_of_data(shown: httpx.Client) -> None:
    (job,) = shown.get("/0/data/jobs/ingest/queued/10/asc/1.json").json()["jobs"]
    assert job["description"] == "orders batch 1,000 records store 3f2a…"
    assert f"{TICKET.log_id}-1" in job.values()
    assert httpx.get("http://127.0.0.1:9181/", auth=None).status_code == 401
    assert httpx.get("http://127.0.0.1:9181/", auth=("sluice", "wrong")).status_code == 401
