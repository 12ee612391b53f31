"""What RQ may run, a few lines each: ids in, a word about the outcome out."""

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
    """Work on one log, if it is to be worked on now. The log says how it went; RQ is told only for its own display."""
    return _told(batches.process(current_runtime(), UUID(store_id), UUID(log_id)), store_id, log_id)


def pull_log(store_id: str, log_id: str) -> str:
    """Take a turn at one pull, if it is to be worked on now."""
    return _told(pulls.pull(current_runtime(), UUID(store_id), UUID(log_id), open_store_shop), store_id, log_id)


def push_store(store_id: str) -> str:
    """Send what waits for one shop."""
    return _told(pushes.push_store(current_runtime(), UUID(store_id)), store_id)


def _told(outcome: Outcome, store_id: str, log_id: str | None = None) -> str:
    """The outcome's word. A job that did something has its own line in the log; one that did not has it here."""
    word: str = outcome.value
    if outcome in NOTHING_DONE:
        log.info("job_had_nothing_to_do", outcome=word, store_id=store_id, log_id=log_id)
    return word
