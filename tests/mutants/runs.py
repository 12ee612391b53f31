"""Runs tests in a copy of the repository, as it stands and with one mutant in it."""

from __future__ import annotations

import difflib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.support.paths import ROOT

PYTEST = ("-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow")
Known = dict[tuple[str, str, str], str]  # path, changed line and what it becomes: why that survives
STOP_SECONDS = 20.0  # until the servers of a test run that was interrupted have ended


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant. `before` and `after` are the first line that differs."""

    mutant: Mutant
    fate: str  # "killed", "survived", or why its survival is no surprise
    before: str
    after: str
    seconds: float


def copy_tree(to: Path) -> None:
    """Copy every file of the repository that git would, with changes that are not committed."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def run_tests(tree: Path, tests: Sequence[str], timeout: float) -> tuple[bool, str]:
    """Whether all tests pass, and the last lines of pytest. A run that takes longer than `timeout` seconds has failed."""
    process = subprocess.Popen(
        (sys.executable, *PYTEST, *tests),
        cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # pytest then stops the servers that it started
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        return False, "took too long"
    return process.returncode == 0, said.strip()[-2000:]


def first_difference(before: str, after: str) -> tuple[str, str]:
    """The first line that one text lacks, and the line in its place, without indentation."""
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[:2] in ("- ", "+ ")]
    gone = next((line[2:].strip() for line in changed if line.startswith("-")), "")
    return gone, next((line[2:].strip() for line in changed if line.startswith("+")), "")


def try_mutant(
    tree: Path, mutant: Mutant, tests: Sequence[str], timeout: float, known: dict[tuple[str, str, str], str]
) -> Result:
    """Put the mutant into the tree, run the tests, and take it out again."""
    began, path = time.monotonic(), tree / mutant.path
    original = path.read_text(encoding="utf-8")
    try:
        mutant.make(tree)
        before, after = first_difference(original, path.read_text(encoding="utf-8"))
        _forget_bytecode(path)
        survived, _ = run_tests(tree, tests, timeout)
        fate = known.get((mutant.path, before, after), "survived") if survived else "killed"
    finally:
        path.write_text(original, encoding="utf-8")
        _forget_bytecode(path)
    return Result(mutant, fate, before, after, time.monotonic() - began)


def _forget_bytecode(path: Path) -> None:
    # Bytecode is recognised by size and by seconds, and a flipped comparison changes neither.
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
