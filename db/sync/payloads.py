"""Payloads: the sanitised body of a log, kept from acceptance to completion."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from db.core.sql import queries

SQL = queries(__file__)


def delete_payload(conn: Connection, store_id: UUID, log_id: UUID) -> None:
    conn.execute(SQL["delete_payload"], {"store_id": store_id, "log_id": log_id})


def has_payload(conn: Connection, store_id: UUID, log_id: UUID) -> bool:
    row = conn.execute(SQL["has_payload"], {"store_id": store_id, "log_id": log_id}).fetchone()
    return bool(row and row[0])
