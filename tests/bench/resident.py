"""Resident memory and processor time of a process, as Linux tells them; nothing elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

IS_TOLD = Path("/proc/self/status").exists()
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024.0


def resident_mib(pid: int) -> float:
    return _status_mib(pid, "VmRSS")


def peak_mib(pid: int) -> float:
    """The most it ever held, between two looks as well."""
    return _status_mib(pid, "VmHWM")


def _status_mib(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / MIB
    raise RuntimeError(f"no {field} of process {pid}")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time of these processes and of children that they have waited for."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def busy_seconds() -> float:
    """Processor time that the whole machine has spent on anything since it started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    idle, waiting = fields[3], fields[4]
    return (sum(fields) - idle - waiting) / TICKS


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Least squares: how much the second grows with the first."""
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread
