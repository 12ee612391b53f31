"""Alerts: a queue too deep, or items past their deadline; to the log, and to a webhook where one is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec

from app.logs import get_logger
from db.push import Backlog

log = get_logger(__name__)

DEEPEST_QUEUE = 1000
TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Alert:
    """`kind`: queue_depth or sla_lag. Counts are of the store's open items."""

    store_id: UUID
    kind: str
    waiting: int
    overdue: int
    oldest_seconds: float


def alerts_of(backlog: Sequence[Backlog], now: datetime) -> list[Alert]:
    """What is wrong in which store: more than DEEPEST_QUEUE items wait, or some are past their deadline; pure."""
    found: list[Alert] = []
    for store_id in sorted({one.store_id for one in backlog}):
        own = [one for one in backlog if one.store_id == store_id]
        waiting, overdue = sum(one.waiting for one in own), sum(one.overdue for one in own)
        oldest = (now - min(one.oldest_created_at for one in own)).total_seconds()
        kinds = [("queue_depth", waiting > DEEPEST_QUEUE), ("sla_lag", overdue > 0)]
        found += [Alert(store_id, kind, waiting, overdue, round(oldest, 1)) for kind, is_so in kinds if is_so]
    return found


def raise_alert(alert: Alert, webhook_url: str | None) -> None:
    """Log it; post it where there is somewhere to. That nobody takes it is logged, and stops nothing."""
    facts: dict[str, Any] = {**asdict(alert), "store_id": str(alert.store_id)}
    log.warning("push_alert", **facts)
    if webhook_url is None:
        return
    content = msgspec.json.encode({"event": "push_alert", **facts})
    try:
        answer = httpx.post(
            webhook_url, content=content, headers={"Content-Type": "application/json"}, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("alert_not_delivered", error=type(error).__name__)
