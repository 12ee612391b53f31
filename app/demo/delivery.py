"""Posts the sample's batches and follows each to its end; one bar for what was posted, one for what was processed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.demo.client import PluginApi
from app.demo.errors import DemoError
from app.demo.sample_store import Batch

POLL_SECONDS = 0.1  # between two polls, whichever job they ask for: far below the API's rate limit
PATIENCE_SECONDS = 180.0  # without any job ending


@dataclass(frozen=True, slots=True)
class Log:
    """One posted batch, what its job said when it had ended, and its skipped records."""

    batch: Batch
    log_id: str
    job: dict[str, Any]
    errors: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All logs in the order of posting. Seconds until the last 202, and until the last job was seen to have ended."""

    logs: list[Log]
    accepted_seconds: float
    total_seconds: float

    @property
    def records(self) -> int:
        return sum(len(log.batch.records) for log in self.logs)


def deliver(api: PluginApi, batches: list[Batch], progress_on: Console) -> Delivery:
    """Post everything, poll until all has ended, fetch the skipped records."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = sum(len(batch.records) for batch in batches)
    with Progress(*columns, console=progress_on) as progress:
        posted, processed = progress.add_task("posted", total=total), progress.add_task("processed", total=total)
        start = time.monotonic()
        ids = [_post(api, batch, progress, posted) for batch in batches]
        accepted = time.monotonic() - start
        ended = follow(api.job, dict(zip(ids, batches, strict=True)), _advance(progress, processed))
        finished = time.monotonic() - start
    logs = [Log(batch, log_id, ended[log_id], api.errors(log_id)) for log_id, batch in zip(ids, batches, strict=True)]
    return Delivery(logs, accepted, finished)


def _post(api: PluginApi, batch: Batch, progress: Progress, bar: TaskID) -> str:
    log_id = api.post(batch)
    progress.advance(bar, len(batch.records))
    return log_id


def _advance(progress: Progress, bar: TaskID) -> Callable[[Batch], None]:
    return lambda batch: progress.advance(bar, len(batch.records))


def follow(
    job: Callable[[str], dict[str, Any]],
    waiting: dict[str, Batch],
    on_end: Callable[[Batch], None],
) -> dict[str, dict[str, Any]]:
    """Ask for the oldest job until it has ended, then for the next; returns their last states by id."""
    ended: dict[str, dict[str, Any]] = {}
    turn = deque(waiting)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while turn:
        log_id = turn.popleft()
        state = job(log_id)
        if state["status"] == "running":
            turn.appendleft(log_id)
            _wait(deadline, len(turn))
            continue
        ended[log_id] = state
        on_end(waiting[log_id])
        deadline = time.monotonic() + PATIENCE_SECONDS
    return ended


def _wait(deadline: float, open_jobs: int) -> None:
    if time.monotonic() > deadline:
        raise DemoError(f"no job has ended for {PATIENCE_SECONDS:.0f} s; {open_jobs} are still running")
    time.sleep(POLL_SECONDS)
