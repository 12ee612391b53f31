"""`python -m app demo` on a fresh machine: it starts all services, its numbers add up, and no process is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.demo.sample_store import batches
from app.settings.environment import load_settings
from app.stack.state import read_running
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

PATIENCE_SECONDS = 300.0
MARK = "SLUICE_DEMO_TEST"  # an unused variable that marks all descendants


class Demo:
    """Runs the demo with a DATA_DIR and a free port."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.mark = uuid4().hex
        cleared = {name: value for name, value in os.environ.items() if name not in configured_names()}
        self.env = cleared | {"DATA_DIR": str(data_dir), "PORT": str(self.port), MARK: self.mark, "COLUMNS": "160"}

    def start(self, *options: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "app", "demo", *options]
        return subprocess.Popen(
            argv,
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*options)
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def left_behind(self) -> list[str]:
        """The command lines of running processes that the demo started, directly or not."""
        return [command for command in processes() if self.mark in command or str(self.data_dir) in command]


def processes() -> list[str]:
    """Command line and environment of each process that may be read."""
    if not Path("/proc/self/environ").exists():  # not Linux
        listing = subprocess.run(["ps", "-axEww", "-o", "command"], capture_output=True, text=True, check=True)
        return listing.stdout.splitlines()
    return [command for entry in Path("/proc").iterdir() if entry.name.isdecimal() and (command := command_of(entry))]


def command_of(entry: Path) -> str:
    if int(entry.name) == os.getpid():
        return ""
    try:
        return " ".join((entry / name).read_bytes().replace(b"\0", b" ").decode() for name in ("cmdline", "environ"))
    except OSError:
        return ""


def configured_names() -> set[str]:
    """The settings that Sluice reads, to be removed from the environment."""
    source = (ROOT / "app" / "settings" / "environment.py").read_text(encoding="utf-8")
    return set(re.findall(r'\bread\(\s*"([A-Z_]+)"', source))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_serving(demo: Demo, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        running = read_running(demo.data_dir)
        if running is not None and running.serving:
            return
        time.sleep(0.05)
    raise AssertionError("the demo's stack never served")


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """Not pytest's directory: as root, PostgreSQL runs under an account that cannot open it."""
    with tempfile.TemporaryDirectory(prefix="sluice-demo-") as made:
        Path(made).chmod(0o755)
        yield Demo(Path(made))


@pytest.fixture(scope="module")
def done(demo: Demo) -> subprocess.CompletedProcess[str]:
    return demo.run()


def test_the_demo_succeeds_on_a_fresh_machine(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout


ROW = re.compile(r"^(orders|products|customers|categories) +([\d, ]+)$", re.MULTILINE)


def test_every_record_is_stored_or_skipped(done: subprocess.CompletedProcess[str]) -> None:
    sample = batches()
    rows = {name: [int(cell.replace(",", "")) for cell in cells.split()] for name, cells in ROW.findall(done.stdout)}
    assert len(rows) == 4, done.stdout + done.stderr
    for entity, (received, *outcomes, skipped, stored) in rows.items():
        posted = [batch for batch in sample if batch.entity == entity]
        assert received == sum(len(batch.records) for batch in posted) == sum(outcomes) + skipped
        assert skipped == sum(len(batch.bad) for batch in posted)
        assert stored == len(set().union(*(batch.valid_ids() for batch in posted)))


def test_summary_is_fifteen_lines_with_a_link(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    lines = done.stdout.splitlines()
    assert len(lines) <= 15, done.stdout
    orders = [batch for batch in batches() if batch.entity == "orders"]
    received, skipped = sum(len(batch.records) for batch in orders), sum(len(batch.bad) for batch in orders)
    assert lines[0].startswith(f"{received:,} orders, {skipped} skipped; ")
    assert re.search(rf"http://127.0.0.1:{demo.port}/console/sign-in\?link=\S{{40,}}$", done.stdout, re.MULTILINE)
    assert "not an order" not in done.stdout and "items[1].product_name" not in done.stdout


def test_readme_names_the_number_of_orders(done: subprocess.CompletedProcess[str]) -> None:
    assert f"sample shop of {done.stdout.split()[0]} orders" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_skipped_records_are_listed_when_asked(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    listed = demo.run("--show-skipped").stdout
    assert "items[1].product_name" in listed


def test_no_address_of_a_customer_is_shown_or_logged(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    told = [done.stdout, done.stderr, *(log.read_text(errors="replace") for log in demo.data_dir.rglob("*.log"))]
    assert len(told) > 2
    assert not any("example.test" in text for text in told)


def test_no_process_is_left(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0
    assert demo.left_behind() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", demo.port)) != 0


@pytest.mark.slow
def test_a_stopped_demo_leaves_no_process(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    process = demo.start()
    wait_until_serving(demo, process)
    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 143, err
    assert demo.left_behind() == []


@pytest.mark.slow
def test_a_taken_port_is_named(demo: Demo, done: subprocess.CompletedProcess[str]) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", demo.port))
        stranger.listen()
        refused = demo.run()
    assert refused.returncode == 1
    assert f"PORT {demo.port} is in use" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert demo.left_behind() == []


def test_the_search_for_processes_finds_one(demo: Demo) -> None:
    """Guards the search itself: it must be able to find a process."""
    assert load_settings({"PORT": str(demo.port)}).port == demo.port
    with subprocess.Popen([sys.executable, "-c", "input()"], env=demo.env, stdin=subprocess.PIPE) as marked:
        # The kernel lets Popen return a moment before it sets up the environment of the child.
        wait_until(lambda: len(demo.left_behind()) == 1)
        assert marked.stdin is not None
        marked.stdin.close()
    assert demo.left_behind() == []
