"""The audit trail. The application appends and reads; nobody changes an event, and old ones are pruned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.core.sql import queries

SQL = queries(__file__)
ActorKind = Literal["token", "session", "command", "schedule", "unknown"]
Result = Literal["ok", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An event to write. `actor`: a token's id, an operating system's user or a schedule's entity; never a secret."""

    action: str
    result: Result
    actor_kind: ActorKind
    actor: str | None = None
    store_id: UUID | None = None
    address: str | None = None
    code: str | None = None
    request_id: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEventView:
    """An event as it is read."""

    id: int
    store_id: UUID | None
    happened_at: datetime
    actor_kind: str
    actor: str | None
    address: str | None
    action: str
    result: str
    code: str | None
    request_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`actor` is an actor or a kind of actor; `before` the position of the last event of the previous page."""

    action: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, int] | None = None


def insert_event(conn: Connection, event: AuditEvent) -> None:
    """Needs `tenant(conn, store_id)` if the event is about a store."""
    parameters = {
        "store_id": event.store_id,
        "actor_kind": event.actor_kind,
        "actor": event.actor,
        "address": event.address,
        "action": event.action,
        "result": event.result,
        "code": event.code,
        "request_id": event.request_id,
        "details": Jsonb(dict(event.details)),
    }
    conn.execute(SQL["insert_event"], parameters)


def list_events(conn: Connection, store_id: UUID, wanted: AuditFilter, most: int) -> list[AuditEventView]:
    with conn.cursor(row_factory=class_row(AuditEventView)) as cursor:
        return cursor.execute(SQL["list_events"], {"store_id": store_id, **_parameters(wanted, most)}).fetchall()


def list_events_of_all(conn: Connection, wanted: AuditFilter, most: int) -> list[AuditEventView]:
    """Events of all stores and of none. The caller checks that it serves an operator."""
    with conn.cursor(row_factory=class_row(AuditEventView)) as cursor:
        return cursor.execute(SQL["list_events_of_all"], _parameters(wanted, most)).fetchall()


def _parameters(wanted: AuditFilter, most: int) -> dict[str, Any]:
    return {
        "action": wanted.action,
        "actor": wanted.actor,
        "since": wanted.since,
        "until": wanted.until,
        "before_at": wanted.before[0] if wanted.before else None,
        "before_id": wanted.before[1] if wanted.before else None,
        "most": most,
    }


def prune_events(conn: Connection, days: int, most: int) -> int:
    row = conn.execute(SQL["prune_events"], {"days": days, "most": most}).fetchone()
    return int(row[0]) if row else 0
