"""Runs a slow task in a background thread, one round after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field


@dataclass(slots=True)
class BackgroundTask:
    """`work` is one round; `last` is the round that was started last, ended or not."""

    name: str
    work: Callable[[], None]
    thread: ThreadPoolExecutor = field(init=False)
    last: Future[None] | None = None

    def __post_init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, self.name)

    def start(self) -> None:
        """Start a round, unless the last one still runs. Raises what the last one raised."""
        last = self.last
        if last is not None and not last.done():
            return
        self.last = self.thread.submit(self.work)
        if last is not None:
            last.result()

    def stop(self) -> None:
        """Wait for a running round; no other can start."""
        self.thread.shutdown()
