"""Real child processes: gentle stops, escalation, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.stack.supervisor.child import Child, ChildSpec, bare_environment
from tests.support.data_dirs import is_running
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = os.fork()
if helper: print(helper, flush=True)
time.sleep(600)
"""

FINISHES_ITS_WORK = """
import os, signal, sys, time
def finish(*_):
    time.sleep(0.3)
    os.write(1, b"finished")  # the signal may come in the middle of the other print, whose stream is then locked
    sys.exit(0)
signal.signal(signal.SIGTERM, finish)
print("working", flush=True)
time.sleep(600)
"""

WORKER_WITH_CHILD = """
import os, time
left, leaving = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    os.write(leaving, b".")
    time.sleep(600)
os.read(left, 1)  # with its parent's group it would end, too
print(child, flush=True)
time.sleep(600)
"""

SUPERVISE = """
import sys
from pathlib import Path
from app.settings.logs import configure_logging
from app.stack.supervisor.child import Child, ChildSpec, bare_environment
from app.stack.supervisor.processes import Supervisor
configure_logging("INFO", "console")
supervisor = Supervisor(owns_process=True)
worker = Child(ChildSpec("worker", (sys.executable, "-c", sys.argv[1]), bare_environment(), log=Path(sys.argv[2])))
supervisor.start(worker)
print(worker.pid, flush=True)
supervisor.watch(lambda: Path(sys.argv[3]).exists(), lambda: None)
supervisor.stop([["worker"]])
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.stop()


def spec(script: str, output: Path, stop_timeout: float = 5.0) -> ChildSpec:
    argv = (sys.executable, "-c", script)
    return ChildSpec("child", argv, bare_environment(), stop_timeout=stop_timeout, log=output)


def first_number(output: Path) -> int:
    words = output.read_text().split() if output.exists() else []
    return int(words[0]) if words else 0


def test_child_finishes_its_work_before_it_stops(output: Path, children: list[Child]) -> None:
    child = Child(spec(FINISHES_ITS_WORK, output))
    children.append(child)
    child.start()
    wait_until(lambda: output.exists() and "working" in output.read_text())
    child.stop()
    assert "finished" in output.read_text()
    assert child.pid is None


def test_stubborn_child_is_killed_with_its_helpers(output: Path, children: list[Child]) -> None:
    child = Child(spec(STUBBORN, output, stop_timeout=0.2))
    children.append(child)
    child.start()
    helper, pid = wait_until(lambda: first_number(output)), child.pid
    child.stop()
    wait_until(lambda: not is_running(helper), what="the end of the helper")
    assert pid is not None
    assert not is_running(pid)


def test_helpers_of_a_killed_child_are_killed(output: Path, children: list[Child]) -> None:
    child = Child(spec(STUBBORN, output))
    children.append(child)
    child.start()
    helper = wait_until(lambda: first_number(output))
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(child.exit_code) == -signal.SIGKILL
    wait_until(lambda: not is_running(helper), what="the end of the helper")


def test_missing_program_is_named(output: Path, children: list[Child]) -> None:
    child = Child(ChildSpec("child", ("/nowhere/program",), bare_environment(), log=output))
    children.append(child)
    child.start()
    assert wait_until(child.exit_code) == 127
    assert "/nowhere/program cannot be executed: No such file or directory" in child.said()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to the supervisor")
def test_orphan_of_a_killed_worker_ends_with_supervisor(output: Path, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, WORKER_WITH_CHILD, str(output), str(stop)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as supervisor:
        try:
            assert supervisor.stdout is not None
            worker = int(supervisor.stdout.readline())
            orphan = wait_until(lambda: first_number(output))
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: len(output.read_text().split()) == 2, what="the second worker's line")
            assert is_running(orphan)
        finally:
            stop.touch()  # the block ends with the supervisor
    assert supervisor.returncode == 0
    assert not any(is_running(int(word)) for word in output.read_text().split())
