"""Appends an event, within its store if it has one."""

from __future__ import annotations

from psycopg import Connection

from db.core.tenancy import tenant
from db.insight.audit_events import AuditEvent, insert_event


def append(conn: Connection, event: AuditEvent) -> None:
    """One transaction. Raises psycopg.Error if it can't be written."""
    if event.store_id is None:
        insert_event(conn, event)
        return
    with tenant(conn, event.store_id):
        insert_event(conn, event)
