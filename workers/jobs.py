"""What RQ may run, a few lines each: ids in, a word about the outcome out."""

from __future__ import annotations

from uuid import UUID

from workers.inbound.process import process
from workers.inbound.pull import pull
from workers.inbound.shop_access import open_store_shop
from workers.outbound.drain import drain
from workers.runtime import current_runtime


def process_log(store_id: str, log_id: str) -> str:
    """Work on one log, if it is to be worked on now. The log says how it went; RQ is told only for its own display."""
    return process(current_runtime(), UUID(store_id), UUID(log_id)).value


def pull_log(store_id: str, log_id: str) -> str:
    """Take a turn at one pull, if it is to be worked on now."""
    return pull(current_runtime(), UUID(store_id), UUID(log_id), open_store_shop).value


def push_store(store_id: str) -> str:
    """Send what waits for one shop."""
    return drain(current_runtime(), UUID(store_id)).value
