"""Shows the progress of a backup on standard error: a moving line on a terminal, else a line for each stage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Tell = Callable[[str], None]


@contextmanager
def stage(title: str) -> Iterator[Tell]:
    """Announces a stage; yields a function that shows its progress. Standard output is left to the result."""
    if not sys.stderr.isatty():
        sys.stderr.write(f"{title} …\n")
        sys.stderr.flush()
        yield lambda _detail: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None, detail="")
        yield lambda detail: progress.update(task, detail=detail)
