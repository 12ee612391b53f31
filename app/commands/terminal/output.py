"""How commands speak: tables for people, JSON for programs, and nothing but plain text where nobody looks."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 240  # a row stays on its line, for grep and awk


def console() -> Console:
    """For standard output: colours on a terminal; on a pipe none, whatever the environment asks for, and wide lines."""
    if sys.stdout.isatty():
        return Console()
    return Console(force_terminal=False, color_system=None, width=PIPED_WIDTH, legacy_windows=False)


def table(*columns: str) -> Table:
    """The first column is an id, and stays whole."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        made.add_column(name, no_wrap=number == 0)
    return made


def write_json(data: Any) -> None:
    """One document on one line. Answers of the API are written as the API writes them."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(data)) + "\n")
    sys.stdout.flush()
