"""Posts the sample's batches and waits for their jobs, with a progress bar for each of the two."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.demo.client import PluginApi
from app.demo.errors import DemoError
from app.demo.sample_store import SampleBatch

POLL_SECONDS = 0.1  # well within the API's rate limit
PATIENCE_SECONDS = 180.0  # without any finished job


@dataclass(frozen=True, slots=True)
class Log:
    """One posted batch, its finished job and its skipped records."""

    batch: SampleBatch
    log_id: str
    job: dict[str, Any]
    errors: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All logs in posting order. Seconds until the last 202, and until the last job was seen to be finished."""

    logs: list[Log]
    accepted_seconds: float
    total_seconds: float

    @property
    def records(self) -> int:
        return sum(len(log.batch.records) for log in self.logs)


def deliver(api: PluginApi, batches: list[SampleBatch], progress_on: Console) -> Delivery:
    """Post all batches, wait for their jobs, and fetch the skipped records."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    total = sum(len(batch.records) for batch in batches)
    with Progress(*columns, console=progress_on) as progress:
        posted, processed = progress.add_task("posted", total=total), progress.add_task("processed", total=total)
        start = time.monotonic()
        ids = []
        for batch in batches:
            ids.append(api.post(batch))
            progress.advance(posted, len(batch.records))
        accepted = time.monotonic() - start
        waiting = dict(zip(ids, batches, strict=True))
        ended = follow(api.job, waiting, lambda batch: progress.advance(processed, len(batch.records)))
        finished = time.monotonic() - start
    logs = [Log(batch, log_id, ended[log_id], api.errors(log_id)) for log_id, batch in zip(ids, batches, strict=True)]
    return Delivery(logs, accepted, finished)


def follow(
    job: Callable[[str], dict[str, Any]],
    waiting: dict[str, SampleBatch],
    on_end: Callable[[SampleBatch], None],
) -> dict[str, dict[str, Any]]:
    """Poll the oldest job until it has ended, then the next one. Returns the last state of each by id."""
    ended: dict[str, dict[str, Any]] = {}
    queue = deque(waiting)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while queue:
        log_id = queue.popleft()
        state = job(log_id)
        if state["status"] == "running":
            queue.appendleft(log_id)
            if time.monotonic() > deadline:
                raise DemoError(f"no job has ended for {PATIENCE_SECONDS:.0f} s; {len(queue)} are still running")
            time.sleep(POLL_SECONDS)
            continue
        ended[log_id] = state
        on_end(waiting[log_id])
        deadline = time.monotonic() + PATIENCE_SECONDS
    return ended
