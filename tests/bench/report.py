"""What a part of the benchmarks found: rows of one table, and a JSON file beside those of the other parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.world import machine

RESULTS = Path("bench-results")


@dataclass(frozen=True)
class Row:
    """One line: what was measured, beside what it is compared with, their ratio, and what is asked for."""

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    asked: str = ""


def show(rows: Sequence[Row]) -> None:
    table = Table("what", "measured", "against", "ratio", "asked", title=f"Sluice on {machine()}")
    for row in rows:
        table.add_row(row.what, row.measured, row.against, row.ratio, row.asked)
    Console(width=150).print(table)


def save(part: str, figures: Any) -> None:
    """Write `bench-results/<part>.json`: the machine, the figures of the part, and its rows as printed."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), part: figures}, indent=2, default=str)
    (RESULTS / f"{part}.json").write_text(text + "\n")
