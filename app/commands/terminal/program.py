"""How this program is called here, so that a hint works when it is pasted."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

GENERIC = "python -m app"  # as texts name it


def program() -> str:
    """`python -m app` where `python` is the one that runs now; otherwise with the path of this one."""
    return program_of(Path(sys.executable), shutil.which("python"), Path.cwd())


def program_of(executable: Path, on_path: str | None, here: Path) -> str:
    # Not resolved: a virtual environment's python is a link, and means the environment by its place.
    if on_path is not None and Path(on_path).absolute() == executable:
        return GENERIC
    name = executable.relative_to(here) if executable.is_relative_to(here) else executable
    return f"{name} -m app"


def pasteable(text: str) -> str:
    """The text with its commands as they are called here."""
    return text.replace(f"`{GENERIC}", f"`{program()}")
