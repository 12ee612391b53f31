"""Loads the named queries of the `.sql` file beside a module, when the module is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
IDENTIFIERS = re.compile(r"[A-Za-z0-9_., =:]+")


def queries(module: str) -> dict[str, LiteralString]:
    """The queries of the `.sql` file beside `module` (its `__file__`), by name.

    Each begins with `-- name: verb_object` and a comment that states its guarantee.

    The texts count as literals for psycopg: they come from files of this repository, never from input.
    """
    path = Path(module).with_suffix(".sql")
    parts = HEADER.split(path.read_text(encoding="utf-8"))[1:]
    names, texts = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a query name stands twice in {path.name}")
    return {name: cast(LiteralString, text.strip()) for name, text in zip(names, texts, strict=True)}


def fill(text: LiteralString, **parts: str) -> LiteralString:
    """The query with each `{name}` replaced by its part: identifiers and lists of them, taken from our own declarations.

    Raises ValueError for a part that holds anything else.
    """
    for name, part in parts.items():
        if not IDENTIFIERS.fullmatch(part):
            raise ValueError(f"{name} must be made of identifiers")
        text = text.replace(f"{{{name}}}", part)  # checked above
    return text
