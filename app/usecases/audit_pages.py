"""Reads a page of the audit trail for API and console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.http.paging import last_before_more, write_cursor
from app.http.services import services
from db.core.tenancy import tenant
from db.insight.audit_events import AuditEventView, AuditFilter, list_events, list_events_of_all

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """`more` is the cursor of the next page."""

    events: list[AuditEventView]
    more: str | None


def read_page(asked: Mapping[str, Any], store_id: UUID | None) -> AuditPage:
    """A page of what an AuditQuery asks for, newest first. `store_id` None: events of all stores and of none."""
    cursor, size = asked["cursor"], asked["limit"]
    before = (EPOCH + int(cursor[0]) * MICROSECOND, int(cursor[1])) if cursor else None
    wanted = AuditFilter(asked["action"], asked["actor"], asked["from"], asked["to"], before)
    with services().pool.connection() as conn:
        if store_id is None:
            found = list_events_of_all(conn, wanted, size + 1)
        else:
            with tenant(conn, store_id):
                found = list_events(conn, store_id, wanted, size + 1)
    last = last_before_more(found, size)
    more = write_cursor(str((last.happened_at - EPOCH) // MICROSECOND), str(last.id)) if last else None
    return AuditPage(found[:size], more)
