"""Options and types of values that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

from app.commands.terminal.references import JobReference, StoreReference

Option = Callable[[Callable[..., int]], Callable[..., int]]

json_option: Option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
store_option: Option = click.option(
    "--store", type=StoreReference(), metavar="STORE", help="Name or id of the store; needed if there are several."
)
store_argument: Option = click.argument("store_id", type=StoreReference(), metavar="STORE")
job_argument: Option = click.argument("log_id", type=JobReference(), metavar="JOB")


class Number(click.FloatRange):
    """A number within bounds. NaN is refused, which FloatRange lets through."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def limit_option(default: int, most: int) -> Option:
    """`--limit`: how many rows are shown."""
    return click.option(
        "--limit", type=click.IntRange(1, most), default=default, show_default=True, metavar="N", help="Rows shown."
    )
