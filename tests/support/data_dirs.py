"""Short-lived DATA_DIRs: short, for the path of a socket is limited, and open to the account of PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.stack.embedded.postgres import EmbeddedPostgres


@contextmanager
def data_dir(mode: int = 0o755, below: str = "data") -> Iterator[Path]:
    """A path for a DATA_DIR that does not exist yet, under a directory of this mode. All is deleted at the end."""
    parent = Path(tempfile.mkdtemp(prefix="sl", dir="/tmp"))
    parent.chmod(mode)
    try:
        yield parent / below
    finally:
        EmbeddedPostgres(parent / below).erase()
        shutil.rmtree(parent, ignore_errors=True)


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
