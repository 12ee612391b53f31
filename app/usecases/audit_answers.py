"""How an event looks in an answer and on the command line."""

from __future__ import annotations

from typing import Any

from app.usecases.job_answers import moment
from db.insight.audit_events import AuditEventView


def event_answer(event: AuditEventView) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "at": moment(event.happened_at),
        "storeId": str(event.store_id) if event.store_id else None,
        "action": event.action,
        "result": event.result,
        "code": event.code,
        "actorKind": event.actor_kind,
        "actor": event.actor,
        "address": event.address,
        "requestId": event.request_id,
        "details": event.details,
    }
