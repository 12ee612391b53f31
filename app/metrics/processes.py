"""The folder into which all processes of one API count. prometheus_client finds it in the environment, at its import.

What a process counted stays when it is gone, so a restarted worker takes nothing from a total; what it showed of its present
state does not. The folder is emptied when the API as a whole starts, which Prometheus takes for the reset that it is.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def name_folder(data_dir: Path, port: int) -> Path:
    """Tell this process and its children where to count; to be called before prometheus_client is imported."""
    folder = data_dir / "run" / f"metrics-{port}"
    os.environ[VARIABLE] = str(folder)
    return folder


def empty_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def forget_process(folder: Path, pid: int) -> None:
    """Drop the gauges of a process that is gone; its counters stay."""
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def counts_with_others() -> bool:
    """Whether this process counts into a folder, and not for itself alone."""
    return bool(os.environ.get(VARIABLE))
