"""Runs pg_dump and pg_restore, and reads an archive back."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from app.stack.command_errors import CommandError
from app.stack.embedded.pg_programs import Program, connection_of

POLL_SECONDS = 0.5
# How the text of a dump announces the rows of a table, and ends them.
COPY = re.compile(rb"COPY (.+?) \(.*\) FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
TELL_EVERY = 100_000


def dump(program: Program, url: str, snapshot: str, into: BinaryIO, on_poll: Callable[[], None]) -> None:
    """Write the database as `snapshot` sees it, in pg_dump's custom format. Raises CommandError."""
    dbname, env = connection_of(url)
    words = ["--format=custom", "--no-password", f"--snapshot={snapshot}", f"--dbname={dbname}"]
    _run(program, words, env, into, on_poll)


def restore(program: Program, url: str, archive: Path, on_poll: Callable[[], None]) -> None:
    """Restore the archive in one transaction, with owners and grants. Raises CommandError."""
    dbname, env = connection_of(url)
    words = ["--exit-on-error", "--single-transaction", "--no-password", f"--dbname={dbname}", str(archive)]
    _run(program, words, env, None, on_poll)


def _run(
    program: Program, words: list[str], env: dict[str, str], into: BinaryIO | None, on_poll: Callable[[], None]
) -> None:
    output = into if into is not None else subprocess.DEVNULL
    argv = [str(program.path), *words]
    with subprocess.Popen(argv, env=env, stdout=output, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        said = ""
        while process.returncode is None:
            try:
                _, said = process.communicate(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                on_poll()
    if process.returncode != 0:
        first = (said or "").strip().splitlines()[:1] or [f"it ended with {process.returncode}"]
        raise CommandError(f"{program.path.name} failed: {first[0]}")


def count_archived_rows(program: Program, archive: Path, on_rows: Callable[[int], None]) -> dict[str, int]:
    """Read the whole archive: rows by table, empty tables included. Raises CommandError."""
    argv = [str(program.path), "--data-only", "--file=-", str(archive)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None and process.stderr is not None
        rows, seen = {}, 0
        for line in process.stdout:
            if (header := COPY.fullmatch(line)) is None:
                continue
            name, count = header[1].decode(), 0
            for row in process.stdout:
                if row == END_OF_ROWS:
                    rows[name] = count
                    break
                count += 1
                if (seen := seen + 1) % TELL_EVERY == 0:
                    on_rows(seen)
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise CommandError(f"the archive can't be read back: {said.splitlines()[0] if said else process.returncode}")
    return rows
