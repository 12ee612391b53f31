"""An event as API and command line show it."""

from __future__ import annotations

from db.insight.audit_events import AuditEventView
from schemas.answers.audit import AuditEvent
from schemas.answers.fields import utc


def event_answer(event: AuditEventView) -> AuditEvent:
    return AuditEvent(
        id=str(event.id),
        at=utc(event.happened_at),
        store_id=event.store_id,
        action=event.action,
        result=event.result,
        code=event.code,
        actor_kind=event.actor_kind,
        actor=event.actor,
        address=event.address,
        request_id=event.request_id,
        details=event.details,
    )
