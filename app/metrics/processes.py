"""The folder into which all processes of one API count. prometheus_client takes its path from the environment at its import.

Counters of a process outlive it, so a restarted worker takes nothing from a total; its gauges do not. The folder is emptied
when the API starts, which Prometheus treats as a counter reset.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def name_folder(data_dir: Path, port: int) -> Path:
    """Set the folder for this process and its children. Call it before prometheus_client is imported."""
    folder = data_dir / "run" / f"metrics-{port}"
    os.environ[VARIABLE] = str(folder)
    return folder


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def forget_process(folder: Path, pid: int) -> None:
    """Drop the gauges of a process that ended; its counters stay."""
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def counts_with_others() -> bool:
    """Whether this process counts into a shared folder."""
    return bool(os.environ.get(VARIABLE))
