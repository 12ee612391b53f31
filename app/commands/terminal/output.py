"""How commands print: tables for people, JSON for programs, plain text on a pipe."""

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
    """For standard output. On a pipe lines are wide and without colours, whatever the environment asks for."""
    if sys.stdout.isatty():
        return Console()
    return Console(force_terminal=False, color_system=None, width=PIPED_WIDTH, legacy_windows=False)


def table(*columns: str) -> Table:
    """The first column is an id, and is never wrapped."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        made.add_column(name, no_wrap=number == 0)
    return made


def write_json(data: Any) -> None:
    """Writes one document on one line. Answers of the API look as the API writes them."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(data)) + "\n")
    sys.stdout.flush()


def tell(data: Any, words: str, *, as_json: bool) -> None:
    """Says what a command did: `data` as JSON, or `words`."""
    if as_json:
        write_json(data)
    else:
        sys.stdout.write(words + "\n")
