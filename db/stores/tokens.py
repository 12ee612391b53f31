"""API tokens: only their SHA-256 is stored, so a copy of the database opens no door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is behind a token. `store_id` is None for an operator. `role` is store, admin or operator."""

    token_id: UUID
    store_id: UUID | None
    role: str


def authenticate_token(conn: Connection, sha256: bytes) -> Caller | None:
    """None for an unknown, expired or revoked token alike. Looked up by hash, so timing tells nothing."""
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["authenticate_token"], {"sha256": sha256}).fetchone()


def insert_token(conn: Connection, token_id: UUID, store_id: UUID, sha256: bytes, role: str) -> None:
    conn.execute(SQL["insert_token"], {"token_id": token_id, "store_id": store_id, "sha256": sha256, "role": role})


def insert_operator_token(conn: Connection, token_id: UUID, sha256: bytes) -> None:
    conn.execute(SQL["insert_operator_token"], {"token_id": token_id, "sha256": sha256})


def retire_tokens(conn: Connection, store_id: UUID, role: str, expires_at: datetime) -> int:
    """Make room for a new token: the newest live one of the role lives until `expires_at`, the others end now."""
    parameters = {"store_id": store_id, "role": role, "expires_at": expires_at}
    return conn.execute(SQL["retire_tokens"], parameters).rowcount


def revoke_tokens(conn: Connection, store_id: UUID) -> int:
    """End every token of a store at once; returns how many were live."""
    return conn.execute(SQL["revoke_tokens"], {"store_id": store_id}).rowcount


@dataclass(frozen=True, slots=True)
class TokenView:
    """What may be shown of a token; of the token itself nobody keeps anything that could be."""

    id: UUID
    role: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_live: bool


def list_tokens(conn: Connection, store_id: UUID, most: int) -> list[TokenView]:
    with conn.cursor(row_factory=class_row(TokenView)) as cursor:
        return cursor.execute(SQL["list_tokens"], {"store_id": store_id, "most": most}).fetchall()


def revoke_token(conn: Connection, store_id: UUID, token_id: UUID) -> bool:
    """False where the store has no such live token."""
    return conn.execute(SQL["revoke_token"], {"store_id": store_id, "token_id": token_id}).rowcount == 1
