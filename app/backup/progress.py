"""What goes on during a backup: on a terminal one line that moves, elsewhere one line when a stage begins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Tell = Callable[[str], None]


@contextmanager
def stage(title: str) -> Iterator[Tell]:
    """Standard output is left to the result. The function that is given says where within the stage we are."""
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
