"""One child process: it starts in its own session, dies with its parent, and is stopped gently, then by force."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.stack.command_errors import CommandError

LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True, slots=True)
class Account:
    """Who a child runs as, if not the parent's account."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start and stop one child. `env` is its whole environment and may hold secrets."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 10.0
    harder_signal: signal.Signals | None = None  # tried for 5 s before SIGKILL
    account: Account | None = None
    log: Path | None = None  # receives standard output and error; None: those of the parent
    cwd: Path | None = None


def bare_environment() -> dict[str, str]:
    """The environment of the servers: without our secrets, and without a PGPORT or LC_ALL of the terminal."""
    kept = {name: value for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if (value := os.environ.get(name))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


class Child:
    """A process that can be started from its spec any number of times."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._group_killed = False

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.exit_code() is None else None

    def start(self) -> None:
        """Start the process; an earlier one must have ended. Raises CommandError if it can't be executed."""
        self._log_start = self.spec.log.stat().st_size if self.spec.log and self.spec.log.exists() else 0
        try:
            self._process = spawn(self.spec)
            self._group_killed = False
        except OSError as error:
            raise CommandError(f"{self.name} cannot be started: {error}") from error

    def exit_code(self) -> int | None:
        """None while it runs or before it starts, then its exit code; for a signal, its number negated."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._kill_group()
        return code

    def ask_to_stop(self) -> None:
        """Send the stop signal to the child only: it finishes the work of its own children."""
        if self.pid is not None:
            self._send(self.spec.stop_signal)

    def wait_stopped(self) -> None:
        """Wait for the end; use stronger signals after `stop_timeout` seconds. No process of its group survives."""
        if self._process is None:
            return
        if not self._ends_within(self.spec.stop_timeout) and self.spec.harder_signal is not None:
            self._send(self.spec.harder_signal)
            self._ends_within(5.0)
        self._kill_group()
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        self.ask_to_stop()
        self.wait_stopped()

    def said(self) -> str:
        """Its reason to end, for an error message: one line, and the file to read on."""
        if self.spec.log is None or not self.spec.log.exists():
            return "see above"
        with self.spec.log.open("rb") as file:
            file.seek(self._log_start)
            return f"{reason_in(file.read().decode(errors='replace'))} ({self.spec.log})"

    def _ends_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _kill_group(self) -> None:
        # A leader that was killed leaves its children, such as web workers that hold the port. Once per
        # process: later its id may belong to a stranger.
        assert self._process is not None
        if self._group_killed:
            return
        self._group_killed = True
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            pass


def spawn(spec: ChildSpec) -> subprocess.Popen[bytes]:
    # A session of its own, so that Ctrl-C in the terminal reaches the parent only.
    output = None if spec.log is None else os.open(spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the argument lists are our own
            launched(spec),
            env=dict(spec.env),
            cwd=spec.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        if output is not None:
            os.close(output)


def launched(spec: ChildSpec) -> tuple[str, ...]:
    # launch.py keeps the process id.
    account = f"{spec.account.uid}:{spec.account.gid}" if spec.account else "-"
    death_signal = str(int(spec.stop_signal))
    return (sys.executable, "-I", "-S", LAUNCH, str(os.getpid()), death_signal, account, *spec.argv)


def reason_in(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    failures = [line for line in lines if re.search(r"FATAL|PANIC|rror", line)]
    return (failures or lines or ["it left no message"])[-1]


def wait_ready(child: Child, ready: Callable[[], bool], seconds: float) -> None:
    """Poll until `ready()`. If the child ends before that or takes longer, stop it and raise CommandError."""
    deadline = time.monotonic() + seconds
    while not ready():
        code = child.exit_code()
        if code is None and time.monotonic() < deadline:
            time.sleep(0.02)
            continue
        child.stop()
        ended = "did not answer in time" if code is None else f"ended with code {code}"
        raise CommandError(f"{child.name} {ended}: {child.said()}")
