"""Tells in a thread of its own, one round after the other: the dispatcher's batches wait for no webhook.

httpx limits each read and no call as a whole, and nothing limits how long a name is looked up.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from db.pool import Pool
from workers.alerts.notices import tell


@dataclass(slots=True)
class Teller:
    """`under_way` is the last round, ended or not."""

    pool: Pool
    webhook_url: str | None
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "tell"))
    under_way: Future[None] | None = None

    def begin(self) -> None:
        """Begin a round, unless the last one has not ended. Raises what that one raised: psycopg.Error, PoolTimeout."""
        last = self.under_way
        if last is not None and not last.done():
            return
        self.under_way = self.thread.submit(tell, self.pool, self.webhook_url)
        if last is not None:
            last.result()

    def end(self) -> None:
        """Let a round that is under way end; none begins after it."""
        self.thread.shutdown()
