"""How commands print: tables for people, JSON for programs, plain text on a pipe."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from app.commands.terminal.references import SHORT_ID

PIPED_WIDTH = 240  # a row stays on its line, for grep and awk
ENDLESS = 100_000
WHOLE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def console() -> Console:
    """For standard output. On a pipe lines are wide and without colours, whatever the environment asks for."""
    if sys.stdout.isatty():
        return Console()
    return Console(force_terminal=False, color_system=None, width=PIPED_WIDTH, legacy_windows=False)


@dataclass(frozen=True, slots=True)
class Column:
    """`spare`: on a narrow terminal the column with the highest number is dropped first; 0 is never dropped."""

    name: str
    spare: int = 0


class Listing:
    """A table that fits its terminal: first ids are shortened, then columns dropped, then texts wrapped."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []

    def add_row(self, *cells: str | None) -> None:
        """Cells are markup of rich."""
        self.rows.append(tuple(cell or "–" for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows, kept = self.rows, list(range(len(self.columns)))
        made = self._table(rows, kept)
        if _is_too_wide(made, console, options):
            rows = [tuple(shortened(cell) for cell in row) for row in rows]
            made = self._table(rows, kept)
        while _is_too_wide(made, console, options) and any(self.columns[number].spare for number in kept):
            kept.remove(max(kept, key=lambda number: self.columns[number].spare))
            made = self._table(rows, kept)
        yield made
        dropped = [column.name for number, column in enumerate(self.columns) if number not in kept]
        if dropped and rows:
            yield Text(f"not shown: {', '.join(dropped)} (--json has all)", style="dim")

    def _table(self, rows: Sequence[Sequence[str]], kept: Sequence[int]) -> Table:
        made = Table(box=SIMPLE_HEAD, pad_edge=False)
        for number in kept:
            made.add_column(self.columns[number].name, no_wrap=number == 0, overflow="fold")
        for row in rows:
            made.add_row(*(row[number] for number in kept))
        return made


def _is_too_wide(made: Table, console: Console, options: ConsoleOptions) -> bool:
    return console.measure(made, options=options.update(max_width=ENDLESS)).maximum > options.max_width


def shortened(cell: str) -> str:
    """An id as its last characters, by which commands find it again; any other text as it is."""
    return f"…{cell[-SHORT_ID:]}" if WHOLE_ID.fullmatch(cell) else cell


def table(*columns: str | Column) -> Listing:
    """The first column is an id, and is never wrapped."""
    return Listing([column if isinstance(column, Column) else Column(column) for column in columns])


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
