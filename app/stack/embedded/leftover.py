"""Stops the PostgreSQL that a killed parent left running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from app.stack.command_errors import CommandError

LEFTOVER_SECONDS = 30.0


def stop_leftover(data: Path) -> None:
    """Stop the server of a killed parent; delete the pid file of one that is long gone.

    PostgreSQL refuses to start while the process id in its pid file exists, and after a restart of the machine or the
    container any process may have that id.
    """
    pid_file = data / "postmaster.pid"
    pid = _pid_in(pid_file)
    if pid is None:
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        if _serves(pid, data):
            os.kill(pid, number)
            deadline = time.monotonic() + LEFTOVER_SECONDS
            while _serves(pid, data) and time.monotonic() < deadline:
                time.sleep(0.05)
    if _serves(pid, data):
        raise CommandError(f"an earlier PostgreSQL (process {pid}) still runs on {data} and does not stop: end it")
    if _exists(pid):
        pid_file.unlink(missing_ok=True)


def _pid_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="ascii").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    # A zombie serves nothing: it has no command line.
    return str(data) in _command_of(pid)


def _command_of(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.parent.parent.joinpath("self").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    answer = subprocess.run(["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)  # noqa: S603
    return answer.stdout.strip()
