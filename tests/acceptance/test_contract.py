"""The running API keeps its contract: schemathesis plays the callers it allows, and many that it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from app.stack.embedded.secrets import read_secrets
from tests.conftest import Database, Servers
from tests.support.contract import play, shops
from tests.support.paths import ROOT
from tests.support.stack import OURS, free_port, running_stack
from tests.support.waiting import wait_until

SECRET_KEY = "a key for tests that is long enough"
# No worker runs, so nobody may wait for one.
SETTINGS = {"RATE_LIMIT_PER_MINUTE": "1000000", "MAX_OPEN_LOGS_PER_STORE": "1000000", "MAX_WAITERS": "0"}


@contextmanager
def gunicorn(**settings: str) -> Iterator[str]:
    """The API as it is served in production; its address."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= SETTINGS | settings | {"PORT": str(port), "LOG_LEVEL": "WARNING", "WEB_WORKERS": "1"}
    command = [sys.executable, "-m", "gunicorn", "app.server.wsgi:application", "-c", "app/server/gunicorn_conf.py"]
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        wait_until(lambda: _answers(port), 30, "gunicorn")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_callers_of_all_kinds_find_what_the_contract_says(servers: Servers, database: Database, tmp_path: Path) -> None:
    with (
        shops(database.url, SECRET_KEY) as tokens,
        gunicorn(DATABASE_URL=database.url, REDIS_URL=servers.redis.url, SECRET_KEY=SECRET_KEY) as url,
    ):
        play(url, tokens, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "1", "--seed", "1")


@pytest.mark.slow
def test_many_callers_find_what_the_contract_says(tmp_path: Path) -> None:
    """All phases, with workers that process what is accepted and platforms that answer."""
    with running_stack() as stack:
        secrets = read_secrets(stack.root)
        assert secrets is not None
        with shops(stack.postgres.app_url(), secrets.secret_key) as tokens:
            play(stack.url, tokens, tmp_path, "--max-examples", "60", "--continue-on-failure")
