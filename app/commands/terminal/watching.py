"""`jobs watch`: a job as it moves, a bar on a terminal and a line a change on a pipe; its outcome is the exit code."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from psycopg import Connection
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.commands.terminal.exits import DONE, FAILED
from app.commands.terminal.lookups import answers_of, find_log
from app.commands.terminal.output import console, write_json
from app.settings.environment import Settings
from app.stack.command_errors import CommandError, NotFound
from app.stack.endpoints import resolve
from app.usecases.stores import connected
from db.core.tenancy import tenant
from db.sync.logs import get_log

POLL_SECONDS = 0.5
OPEN = ("running", "paused")

Show = Callable[[dict[str, Any]], None]


def run_watch(args: Namespace, settings: Settings) -> int:
    with connected(resolve(settings).database_url) as conn:
        store_id, _ = find_log(conn, args.log_id)
        with _screen(as_json=args.json) as show:
            last = _follow(conn, store_id, args, show)
    return outcome(last)


def outcome(answer: dict[str, Any]) -> int:
    return DONE if answer["status"] == "completed" else FAILED


def _follow(conn: Connection, store_id: UUID, args: Namespace, show: Show) -> dict[str, Any]:
    """Show each state until the job has ended; no transaction is open between two looks. Raises CommandError."""
    began = time.monotonic()
    while True:
        answer = _look(conn, store_id, args.log_id)
        show(answer)
        if answer["status"] not in OPEN:
            return answer
        if args.timeout is not None and time.monotonic() - began >= args.timeout:
            raise CommandError(f"job {args.log_id} is still {answer['status']} after {args.timeout:g} s")
        time.sleep(args.interval)


def _look(conn: Connection, store_id: UUID, log_id: UUID) -> dict[str, Any]:
    with tenant(conn, store_id):
        log = get_log(conn, store_id, log_id)
        if log is None:
            raise NotFound(f"job {log_id} was deleted meanwhile")
        [answer] = answers_of(conn, store_id, [log])
    return answer


@contextmanager
def _screen(*, as_json: bool) -> Iterator[Show]:
    """How a state is shown."""
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
            done, total = reached(answer)
            progress.update(task, description=_state(answer), completed=done, total=total)

        yield show
        progress.refresh()


def reached(answer: dict[str, Any]) -> tuple[int, int | None]:
    """Records done, and how many there are; None where a platform does not tell."""
    total = answer["progress"]["total"] if "progress" in answer else answer["receivedCount"]
    return answer["processedCount"], total


def line_of(answer: dict[str, Any]) -> str:
    """One state in words: `completed, 998 of 1,000 records synced, 2 skipped`."""
    _, total = reached(answer)
    of_all = f"of {total:,} records" if total is not None else "records"
    figures = f"{answer['syncedCount']:,} {of_all} synced, {answer['skippedCount']:,} skipped"
    why = f": {answer['error']['code']}, {answer['error']['message']}" if answer["error"] else ""
    return f"{_state(answer)}, {figures}{why}"


def _state(answer: dict[str, Any]) -> str:
    return f"{answer['status']} ({answer['phase']})" if answer["phase"] else str(answer["status"])
