"""Adopts processes whose parent died below us, so that the last stop finds them too. Linux only."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """From now on an orphaned descendant becomes our child instead of a child of process 1."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> list[int]:
    """The ids of all our children, adopted ones included; empty if the kernel can't tell."""
    found: list[int] = []
    for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        found += [int(word) for word in path.read_text(encoding="ascii").split()]
    return found


def reap(pids: Iterable[int]) -> None:
    for pid in pids:
        _wait(pid, os.WNOHANG)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        _wait(pid, 0)


def _wait(pid: int, options: int) -> None:
    try:
        os.waitpid(pid, options)
    except ChildProcessError:
        pass
