"""Stores and tokens as an operator handles them: created, listed, given credentials, rotated, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable, UndefinedColumn, UndefinedFunction, UndefinedTable

from app.http.auth import new_token, token_sha256
from app.stack.errors import Away, StackError
from db.core.tenancy import tenant
from db.stores import stores
from db.stores.stores import Store
from db.stores.tokens import insert_operator_token, insert_token, retire_tokens, revoke_tokens
from workers.core.credentials import encrypt_credentials
from workers.core.ids import new_id

TOKEN_ROLES = ("store", "admin")
ERASED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class CreatedStore:
    """The token is shown this once; only its hash is kept."""

    store_id: UUID
    token: str


@contextmanager
def connected(database_url: str) -> Iterator[Connection]:
    """A connection for a command. Raises Away for a database that is away, StackError for one without our tables."""
    try:
        # Nothing is prepared: behind a pooler the next statement may meet another session.
        with psycopg.connect(database_url, autocommit=True, connect_timeout=5, prepare_threshold=None) as conn:
            yield conn
    except LockNotAvailable:
        raise StackError("a batch of the store is being worked on: try again in a moment") from None
    except psycopg.OperationalError:
        raise Away("the database can't be reached: is PostgreSQL running, and DATABASE_URL right?") from None
    except (UndefinedTable, UndefinedFunction, UndefinedColumn):
        raise StackError("the database is not up to date: run `python -m app migrate`") from None


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


def revoke_all(conn: Connection, store_id: UUID) -> int | None:
    """End every token of a store at once: a leak. Returns how many were live; None where there is no such store."""
    with tenant(conn, store_id):
        return revoke_tokens(conn, store_id) if stores.get_store(conn, store_id) else None


def delete_store(conn: Connection, store_id: UUID) -> bool:
    """Erase a tenant with all its rows, in bites that each last a moment; False where there is none.

    Its tokens end first. Interrupted, it has lost a part, and is erased wholly by another call.
    """
    with tenant(conn, store_id):
        if stores.get_store(conn, store_id) is None:
            return False
        revoke_tokens(conn, store_id)
        stores.stop_store(conn, store_id)
    while _erase_some(conn, store_id):
        pass
    with tenant(conn, store_id):
        return stores.delete_store(conn, store_id, ERASED_AT_ONCE)


def _erase_some(conn: Connection, store_id: UUID) -> int:
    with tenant(conn, store_id):
        return stores.erase_rows(conn, store_id, ERASED_AT_ONCE)


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
