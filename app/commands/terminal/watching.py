"""Follows a job until it ends: a bar on a terminal, a line for each change on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.commands.terminal.exits import DONE, FAILED
from app.commands.terminal.lookups import answers_of
from app.commands.terminal.output import console, write_json
from app.stack.command_errors import CommandError, NotFound
from db.core.tenancy import tenant
from db.sync.logs import get_log

POLL_SECONDS = 0.5
OPEN = ("running", "paused")

Show = Callable[[dict[str, Any]], None]


def outcome(answer: dict[str, Any]) -> int:
    """The exit code for a job's last state."""
    return DONE if answer["status"] == "completed" else FAILED


def follow(
    conn: Connection, store_id: UUID, log_id: UUID, show: Show, *, interval: float, timeout: float | None
) -> dict[str, Any]:
    """Show each state until the job ends; returns the last one. Times are in seconds. No transaction stays open in between.

    Raises CommandError at the timeout, NotFound if the job is deleted.
    """
    began = time.monotonic()
    while True:
        answer = _look(conn, store_id, log_id)
        show(answer)
        if answer["status"] not in OPEN:
            return answer
        if timeout is not None and time.monotonic() - began >= timeout:
            raise CommandError(f"job {log_id} is still {answer['status']} after {timeout:g} s")
        time.sleep(interval)


def _look(conn: Connection, store_id: UUID, log_id: UUID) -> dict[str, Any]:
    with tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
        if log is None:
            raise NotFound(f"job {log_id} was deleted meanwhile")
        [answer] = answers_of(conn, store_id, [log])
    return answer


@contextmanager
def screen(*, as_json: bool) -> Iterator[Show]:
    """Shows states as JSON lines, as a progress bar on a terminal, or as lines of text on a pipe."""
    if as_json:
        yield _once_a_change(write_json)
    elif sys.stdout.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _once_a_change(lambda answer: console().print(line_of(answer)))


def _once_a_change(write: Show) -> Show:
    seen: list[dict[str, Any]] = []

    def show(answer: dict[str, Any]) -> None:
        if seen != [answer]:
            seen[:] = [answer]
            write(answer)

    return show


@contextmanager
def _bar() -> Iterator[Show]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task("")

        def show(answer: dict[str, Any]) -> None:
            done, total = _reached(answer)
            progress.update(task, description=_state(answer), completed=done, total=total)

        yield show
        progress.refresh()


def _reached(answer: dict[str, Any]) -> tuple[int, int | None]:
    # A platform need not tell how many records there are.
    total = answer["progress"]["total"] if "progress" in answer else answer["receivedCount"]
    return answer["processedCount"], total


def line_of(answer: dict[str, Any]) -> str:
    """One state as text: `completed, 998 of 1,000 records synced, 2 skipped`."""
    _, total = _reached(answer)
    of_all = f"of {total:,} records" if total is not None else "records"
    figures = f"{answer['syncedCount']:,} {of_all} synced, {answer['skippedCount']:,} skipped"
    reason = f": {answer['error']['code']}, {answer['error']['message']}" if answer["error"] else ""
    return f"{_state(answer)}, {figures}{reason}"


def _state(answer: dict[str, Any]) -> str:
    return f"{answer['status']} ({answer['phase']})" if answer["phase"] else str(answer["status"])
