"""What a running `up` keeps in DATA_DIR for other processes: its lock, and up.json, which says who runs and where."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from app.stack.command_errors import CommandError, NotRunning
from app.stack.embedded.secrets import write_private


@dataclass(frozen=True, slots=True)
class Running:
    """`serving`: servers answer and the schema is up to date. `embedded`: the servers are those of this DATA_DIR."""

    pid: int
    url: str
    started: str
    embedded: bool
    serving: bool


class UpLock:
    """One `up` per DATA_DIR holds it. The kernel releases it however the process ends."""

    def __init__(self, root: Path) -> None:
        self._path = root / "up.lock"
        self._descriptor: int | None = None

    def take(self) -> bool:
        # False if another process holds it.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def write_running(root: Path, running: Running) -> None:
    write_private(root / "up.json", json.dumps(asdict(running)))


def read_running(root: Path) -> Running | None:
    """What up.json says. The process may have been killed: see `current`."""
    try:
        found = json.loads((root / "up.json").read_text(encoding="utf-8"))
        return Running(**{each.name: found[each.name] for each in fields(Running)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def clear_running(root: Path) -> None:
    (root / "up.json").unlink(missing_ok=True)


def is_held(root: Path) -> bool:
    """Whether an `up` runs on this DATA_DIR."""
    try:
        descriptor = os.open(root / "up.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandError(
            f"{root} cannot be read ({error.strerror}): run as the account that started Sluice"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def current(root: Path) -> Running:
    """The `up` that runs embedded servers on this DATA_DIR. Raises NotRunning."""
    running = read_running(root) if is_held(root) else None
    if running is None or not running.embedded:
        raise NotRunning(f"Sluice is not running on DATA_DIR {root}: start it with `make run`, or set DATABASE_URL")
    if not running.serving:
        raise NotRunning(f"Sluice is still starting on DATA_DIR {root}: try again in a moment")
    return running
