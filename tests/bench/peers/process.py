"""A peer's process: it is given a payload file at a time, and answers with the seconds that loading it took."""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

ENVIRONMENTS = ROOT / ".bench-peers"  # made by `make bench-peers`
ANSWER_SECONDS = 300.0


@dataclass(frozen=True)
class Peer:
    """A driver that waits for payloads."""

    name: str
    process: subprocess.Popen[str]
    said: Path

    def load(self, payload: Path) -> float:
        """Seconds from the payload's bytes to its commit. Raises RuntimeError with what the peer said where it failed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{payload}\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise RuntimeError(f"{self.name} gave no answer: {self.said.read_text()[-2000:]}")
        return float(line)


def is_installed(name: str) -> bool:
    return _python(name).exists()


@contextmanager
def running(name: str, driver: str, folder: Path, *arguments: str) -> Iterator[Peer]:
    """Start a driver with the Python of the peer's own environment; what it says goes to a file in `folder`."""
    said = folder / f"{name}.log"
    command = [str(_python(name)), str(Path(__file__).with_name(driver)), *arguments]
    with said.open("w") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=_environment(folder), text=True, stderr=errors, stdin=-1, stdout=-1
        )
    try:
        yield Peer(name, process, said)
    finally:
        process.kill()
        process.communicate()


def _python(name: str) -> Path:
    return ENVIRONMENTS / name / "bin" / "python"


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the developer's own settings, and no report to the peer's makers."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
