"""Loads the named queries of `db/queries/<table>.sql`, once, at import of the module that uses them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import LiteralString, cast

QUERIES = Path(__file__).parent / "queries"
HEADER = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def queries(table: str) -> dict[str, LiteralString]:
    """All queries of one file by name. Each begins with `-- name: verb_object` and a comment that states its guarantee.

    The texts count as literals for psycopg: they come from files of this repository, never from input.
    """
    parts = HEADER.split((QUERIES / f"{table}.sql").read_text(encoding="utf-8"))[1:]
    names, texts = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"a query name stands twice in {table}.sql")
    return {name: cast(LiteralString, text.strip()) for name, text in zip(names, texts, strict=True)}
