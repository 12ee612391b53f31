"""Refuses jobs in Redis that differ from those we enqueue.

RQ acts on many fields of a job's hash: it imports callbacks, calls webhooks, retries, repeats. Anyone who can write to Redis
can write such a hash. A job with any unexpected field that RQ reads is deleted and treated as missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job

from app.settings.logs import get_logger
from workers.core.queues import FAILED_JOB_SECONDS, FUNCTION_OF, NO_TIME_LIMIT, delete_job, read_call

log = get_logger(__name__)

JOB_ID = re.compile(rb"[A-Za-z0-9_-]{1,100}")
REQUIRED = {
    b"timeout": str(NO_TIME_LIMIT).encode(),
    b"result_ttl": b"0",
    b"failure_ttl": str(FAILED_JOB_SECONDS).encode(),
}
# Written by RQ or by us, and without effect.
HARMLESS = frozenset(
    (b"created_at", b"enqueued_at", b"started_at", b"ended_at", b"last_heartbeat", b"worker_name", b"description", b"status")
)  # fmt: skip
DROPPED = b"exc_info"  # RQ leaves it when an operator requeues a failed job; not restored
CHECKED = REQUIRED.keys() | HARMLESS | {b"data", b"origin", DROPPED}


class ForbiddenJob(NoSuchJobError):
    """A job that we never enqueue. RQ skips jobs that do not exist."""


def refusal(fields: Mapping[bytes, bytes]) -> str | None:
    """The first field that differs from our jobs; None for one of ours. RQ writes unused fields as empty strings."""
    strange = next((name for name, value in fields.items() if value and name not in CHECKED), None)
    if strange is not None:
        return strange.decode("ascii", "replace")[:40]
    wrong = next((name for name, value in REQUIRED.items() if fields.get(name) != value), None)
    if wrong is not None:
        return wrong.decode()
    origin = fields.get(b"origin", b"").decode("ascii", "replace")
    if origin not in FUNCTION_OF:
        return "origin"
    call = read_call(fields.get(b"data", b""))
    return None if call is not None and call.function == FUNCTION_OF[origin] else "data"


class AllowedJob(Job):
    """A job that is one of ours. RQ reads every job through `restore`."""

    def restore(self, raw_data: Mapping[bytes, bytes]) -> None:
        """Raises ForbiddenJob after logging and deleting the job."""
        if b"data" not in raw_data:
            raise NoSuchJobError  # a heartbeat wrote to the hash after the job had ended
        reason = refusal(raw_data)
        if reason is not None:
            self._refuse(reason)
        try:
            super().restore({name: value for name, value in raw_data.items() if name != DROPPED})
        except ValueError:  # a malformed date or status
            self._refuse("unreadable")

    def _refuse(self, reason: str) -> None:
        log.error("job_forbidden", job_id=self.id, reason=reason)
        delete_job(self.connection, self.id)
        raise ForbiddenJob


class WakeUpQueue(Queue):
    """A queue of jobs without dependents."""

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> tuple[str, bytes] | None:
        """The next job id. Drops malformed ids: RQ's worker would crash on one, at each start."""
        while True:
            found: tuple[str, bytes] | None = super().lmove(connection, queue_key, timeout)
            if found is None or JOB_ID.fullmatch(found[1]):
                return found
            log.error("job_forbidden", job_id=None, reason="job_id")
            connection.lrem(f"{queue_key}:intermediate", 1, found[1])  # type: ignore[arg-type]  # bytes will do

    def enqueue_dependents(self, job: Job, *_args: Any, **_kwargs: Any) -> None:
        # RQ would ask Redis after each job; ours have no dependents.
        return
