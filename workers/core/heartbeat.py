"""Heartbeat files for a container's health check. A healthy process touches its file at least every 30 s."""

from __future__ import annotations

import time
from pathlib import Path

FRESH_SECONDS = 60.0


def beat(data_dir: Path, name: str) -> None:
    folder = data_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.beat").touch()


def is_alive(data_dir: Path, name: str) -> bool:
    try:
        touched = (data_dir / "run" / f"{name}.beat").stat().st_mtime
    except FileNotFoundError:
        return False
    return time.time() - touched < FRESH_SECONDS
