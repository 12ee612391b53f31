"""Finds pg_dump and pg_restore on PATH or in the embedded PostgreSQL, never older than the server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.stack.command_errors import CommandError
from app.stack.embedded.postgres_install import installs

VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Program:
    """`major` is the version of its PostgreSQL."""

    path: Path
    major: int


def find_program(name: str, at_least: int) -> Program:
    """The oldest program that is not older than PostgreSQL `at_least`: a newer one may send what the server does not know.

    Raises CommandError that says what to install.
    """
    found = [program for path in _candidates(name) if (program := _program(path)) is not None]
    fitting = sorted((one for one in found if one.major >= at_least), key=lambda one: one.major)
    if fitting:
        return fitting[0]
    seen = (
        f"{name} of PostgreSQL {max(one.major for one in found)} is older than that" if found else f"there is no {name}"
    )
    raise CommandError(f"PostgreSQL {at_least} is needed, and {seen}: install postgresql-client-{at_least} or newer")


def _candidates(name: str) -> list[Path]:
    on_path = [shutil.which(name)]
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    embedded = [install / "bin" / name for install in installs()]
    return [Path(path) for path in on_path if path is not None] + [
        path for path in (*debian, *embedded) if path.exists()
    ]


def _program(path: Path) -> Program | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True)  # noqa: S603 - a program we looked for
    except OSError:
        return None
    version = VERSION.search(answer.stdout)
    return Program(path, int(version[1])) if answer.returncode == 0 and version else None


def connection_of(url: str) -> tuple[str, dict[str, str]]:
    """A connection string without password, and an environment with it: every account can read the arguments of a process."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    password = parts.pop("password", None)
    return make_conninfo(**parts), {**os.environ, **({"PGPASSWORD": password} if password else {})}
