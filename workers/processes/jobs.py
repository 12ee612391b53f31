"""The functions that RQ runs: a few lines each, ids in, the name of the outcome out."""

from __future__ import annotations

from uuid import UUID

from app.settings.logs import get_logger
from workers.core.runtime import current_runtime
from workers.inbound import process as batches
from workers.outbound.sending import push_store as pushes
from workers.pulls import turn as pulls
from workers.shops.opener import open_store_shop

log = get_logger(__name__)

NOTHING_DONE = (batches.Outcome.NOT_NOW, pulls.Turn.NOT_OURS, pushes.PushOutcome.BUSY)
Outcome = batches.Outcome | pulls.Turn | pushes.PushOutcome


def process_log(store_id: str, log_id: str) -> str:
    return _report(batches.process(current_runtime(), UUID(store_id), UUID(log_id)), store_id, log_id)


def pull_log(store_id: str, log_id: str) -> str:
    return _report(pulls.pull(current_runtime(), UUID(store_id), UUID(log_id), open_store_shop), store_id, log_id)


def push_store(store_id: str) -> str:
    return _report(pushes.push_store(current_runtime(), UUID(store_id)), store_id)


def _report(outcome: Outcome, store_id: str, log_id: str | None = None) -> str:
    name: str = outcome.value
    if outcome in NOTHING_DONE:  # the others have an entry of their own in the log
        log.info("job_had_nothing_to_do", outcome=name, store_id=store_id, log_id=log_id)
    return name
