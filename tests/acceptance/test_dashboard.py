"""`dashboard`: what rq-dashboard is started with. It lives in an environment of its own, so a stand-in takes its place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.stack import run

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
