"""API tokens. Only their SHA-256 is stored, so a copy of the database gives no access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token. `store_id` is None for an operator. `scopes` say what the token may do; `role` names a preset."""

    token_id: UUID
    store_id: UUID | None
    role: str
    scopes: Sequence[str]


def authenticate_token(conn: Connection, sha256: bytes) -> Caller | None:
    """None for an unknown, expired or revoked token. The lookup is by hash, so its timing reveals nothing."""
    with conn.cursor(row_factory=class_row(Caller)) as cursor:
        return cursor.execute(SQL["authenticate_token"], {"sha256": sha256}).fetchone()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to store. `expires_at` None: it does not expire."""

    id: UUID
    sha256: bytes
    role: str
    scopes: Sequence[str]
    label: str | None
    created_by: str
    expires_at: datetime | None


def parameters_of(token: NewToken) -> dict[str, Any]:
    return {
        "token_id": token.id,
        "sha256": token.sha256,
        "role": token.role,
        "scopes": list(token.scopes),
        "label": token.label,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
    }


def insert_token(conn: Connection, store_id: UUID, token: NewToken) -> None:
    conn.execute(SQL["insert_token"], {"store_id": store_id, **parameters_of(token)})


def retire_tokens(conn: Connection, store_id: UUID, role: str, expires_at: datetime) -> int:
    """Let the newest live token of the role end at `expires_at`, and the others now."""
    parameters = {"store_id": store_id, "role": role, "expires_at": expires_at}
    return conn.execute(SQL["retire_tokens"], parameters).rowcount


def revoke_tokens(conn: Connection, store_id: UUID) -> int:
    return conn.execute(SQL["revoke_tokens"], {"store_id": store_id}).rowcount


@dataclass(frozen=True, slots=True)
class TokenView:
    """What may be shown of a token."""

    id: UUID
    role: str
    scopes: Sequence[str]
    label: str | None
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_live: bool


def list_tokens(conn: Connection, store_id: UUID, most: int) -> list[TokenView]:
    with conn.cursor(row_factory=class_row(TokenView)) as cursor:
        return cursor.execute(SQL["list_tokens"], {"store_id": store_id, "most": most}).fetchall()


def revoke_token(conn: Connection, store_id: UUID, token_id: UUID) -> bool:
    return conn.execute(SQL["revoke_token"], {"store_id": store_id, "token_id": token_id}).rowcount == 1


@dataclass(frozen=True, slots=True)
class RetiredToken:
    """A token that is being replaced. `lifetime` None: it did not expire."""

    role: str
    scopes: Sequence[str]
    label: str | None
    lifetime: timedelta | None


def retire_token(conn: Connection, store_id: UUID, token_id: UUID, ends_at: datetime) -> RetiredToken | None:
    """Let a live token end at `ends_at` at the latest; None if the store has no such token."""
    with conn.cursor(row_factory=class_row(RetiredToken)) as cursor:
        parameters = {"store_id": store_id, "token_id": token_id, "ends_at": ends_at}
        return cursor.execute(SQL["retire_token"], parameters).fetchone()
