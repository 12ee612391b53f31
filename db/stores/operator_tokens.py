"""Operators' tokens. Only the owner's role may write them: the application's password makes no operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from db.core.sql import queries
from db.stores.tokens import NewToken, TokenView, parameters_of

SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Retired:
    """A token that is being replaced."""

    label: str | None


@contextmanager
def as_system(conn: Connection) -> Iterator[None]:
    """One transaction that sees tokens without a store. Raises InsufficientPrivilege for any role but the owner."""
    with conn.transaction():
        conn.execute(SQL["become_system"])
        yield


def insert_operator_token(conn: Connection, token: NewToken) -> None:
    conn.execute(SQL["insert_operator_token"], parameters_of(token))


def list_operator_tokens(conn: Connection) -> list[TokenView]:
    with conn.cursor(row_factory=class_row(TokenView)) as cursor:
        return cursor.execute(SQL["list_operator_tokens"]).fetchall()


def revoke_operator_token(conn: Connection, token_id: UUID) -> bool:
    return conn.execute(SQL["revoke_operator_token"], {"token_id": token_id}).rowcount == 1


def retire_operator_token(conn: Connection, token_id: UUID, ends_at: datetime) -> Retired | None:
    """Let a live token end at `ends_at` at the latest; None if there is none."""
    with conn.cursor(row_factory=class_row(Retired)) as cursor:
        parameters = {"token_id": token_id, "ends_at": ends_at}
        return cursor.execute(SQL["retire_operator_token"], parameters).fetchone()
