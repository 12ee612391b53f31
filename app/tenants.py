"""Stores and tokens as an operator handles them: created, listed, given credentials, rotated, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import Connection

from app.auth import new_token, token_sha256
from app.stack.errors import StackError
from db import stores
from db.stores import Store
from db.tenancy import tenant
from db.tokens import insert_operator_token, insert_token, retire_tokens, revoke_tokens
from workers.credentials import encrypt_credentials
from workers.ids import new_id

PLATFORMS = ("woocommerce", "shopify", "tiktok")
TOKEN_ROLES = ("store", "admin")


@dataclass(frozen=True, slots=True)
class CreatedStore:
    """The token is shown this once; only its hash is kept."""

    store_id: UUID
    token: str


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """A connection for a command; a database that is away is said in one line."""
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=5) as conn:
            yield conn
    except psycopg.OperationalError:
        raise StackError("the database can't be reached: is PostgreSQL running, and DATABASE_URL right?") from None


def create_store(
    conn: Connection, name: str, platform: str, shop_url: str | None = None, role: str = "store"
) -> CreatedStore:
    """A tenant with its first token. The transaction stands inside the new tenant's wall from the start."""
    store_id, token = new_id(), new_token()
    with tenant(conn, store_id):
        stores.insert_store(conn, store_id, name, platform, shop_url)
        insert_token(conn, new_id(), store_id, token_sha256(token), role)
    return CreatedStore(store_id, token)


def list_stores(conn: Connection) -> list[Store]:
    """All stores, each read inside its own wall."""
    found = [_get(conn, store_id) for store_id in stores.list_store_ids(conn)]
    return [store for store in found if store is not None]


def _get(conn: Connection, store_id: UUID) -> Store | None:
    with tenant(conn, store_id):
        return stores.get_store(conn, store_id)


def set_credentials(conn: Connection, secret_key: str, store_id: UUID, credentials: dict[str, str]) -> bool:
    """Encrypt and keep a platform's credentials; False where there is no such store."""
    with tenant(conn, store_id):
        return stores.set_credentials(conn, store_id, encrypt_credentials(secret_key, store_id, credentials))


def rotate_token(conn: Connection, store_id: UUID, role: str, grace: timedelta) -> str | None:
    """A new token; the one before it lives on for `grace`, all older ones end. None where there is no such store."""
    token = new_token()
    with tenant(conn, store_id):
        if stores.get_store(conn, store_id) is None:
            return None
        retire_tokens(conn, store_id, role, datetime.now(UTC) + grace)
        insert_token(conn, new_id(), store_id, token_sha256(token), role)
    return token


def revoke_all(conn: Connection, store_id: UUID) -> int:
    """End every token of a store at once: a leak. Returns how many were live."""
    with tenant(conn, store_id):
        return revoke_tokens(conn, store_id)


def delete_store(conn: Connection, store_id: UUID) -> bool:
    with tenant(conn, store_id):
        return stores.delete_store(conn, store_id)


def create_operator(conn: Connection) -> str:
    token = new_token()
    insert_operator_token(conn, new_id(), token_sha256(token))
    return token


def add_token(conn: Connection, store_id: UUID, role: str) -> str:
    """One more token, beside those that live."""
    token = new_token()
    with tenant(conn, store_id):
        insert_token(conn, new_id(), store_id, token_sha256(token), role)
    return token
