"""Work that may take long, in a thread of its own, one round after the other: the dispatcher's batches wait for none of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field


@dataclass(slots=True)
class Aside:
    """`work` is one round of it; `under_way` is the last round, ended or not."""

    name: str
    work: Callable[[], None]
    thread: ThreadPoolExecutor = field(init=False)
    under_way: Future[None] | None = None

    def __post_init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, self.name)

    def begin(self) -> None:
        """Begin a round, unless the last one has not ended. Raises what that one raised."""
        last = self.under_way
        if last is not None and not last.done():
            return
        self.under_way = self.thread.submit(self.work)
        if last is not None:
            last.result()

    def end(self) -> None:
        """Let a round that is under way end; none begins after it."""
        self.thread.shutdown()
