"""One mistake, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file. `make` writes it into the tree at the given root."""

    path: str
    line: int
    what: str
    make: Callable[[Path], None]


def edit(path: str, text: str, start: int, end: int, replacement: str, what: str) -> Mutant:
    """The mutant that replaces `text[start:end]`, where `text` is the whole file."""

    def make(root: Path) -> None:
        (root / path).write_text(text[:start] + replacement + text[end:], encoding="utf-8")

    return Mutant(path, text.count("\n", 0, start) + 1, what, make)
