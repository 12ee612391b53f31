"""Creates, lists and deletes stores, their credentials and tokens, and operators' tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.errors import LockNotAvailable, UndefinedColumn, UndefinedFunction, UndefinedTable

from app.audit.notes import note
from app.http.auth import new_token, token_sha256
from app.http.scopes import OPERATOR, SCOPES, Grant, grant_of
from app.stack.command_errors import Away, CommandError
from db.core.tenancy import tenant
from db.stores import stores
from db.stores.operator_tokens import as_system, insert_operator_token, retire_operator_token
from db.stores.stores import Store
from db.stores.tokens import NewToken, insert_token, retire_token, retire_tokens, revoke_tokens
from workers.core.credentials import encrypt_credentials
from workers.core.ids import new_id

OPERATOR_GRANT = Grant(OPERATOR, SCOPES)
ERASED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class CreatedStore:
    """The token is shown this once; only its hash is kept."""

    store_id: UUID
    token: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks for a new token, what for, and for how long; `lifetime` None: it does not expire."""

    created_by: str
    label: str | None = None
    lifetime: timedelta | None = None


@contextmanager
def connected(database_url: str, setting: str = "DATABASE_URL") -> Iterator[Connection]:
    """A connection for a command. Raises Away if the database can't be reached, CommandError if it is not migrated."""
    try:
        # Nothing is prepared: behind a pooler the next statement may meet another session.
        with psycopg.connect(database_url, autocommit=True, connect_timeout=5, prepare_threshold=None) as conn:
            yield conn
    except LockNotAvailable:
        raise CommandError("a batch of the store is being processed: try again in a moment") from None
    except psycopg.OperationalError:
        raise Away(f"the database can't be reached: is PostgreSQL running, and {setting} right?") from None
    except (UndefinedTable, UndefinedFunction, UndefinedColumn):
        raise CommandError("the database is not up to date: run `python -m app migrate`") from None


def create_store(
    conn: Connection,
    name: str,
    platform: str,
    shop_url: str | None = None,
    role: str = "store",
    *,
    scopes: Sequence[str] = (),
    created_by: str = "app",
) -> CreatedStore:
    # The transaction runs as the new tenant from the start: row-level security would refuse the rows otherwise.
    store_id = new_id()
    token, kept = _make_token(grant_of(role, scopes), Origin(created_by))
    with tenant(conn, store_id):
        stores.insert_store(conn, store_id, name, platform, shop_url)
        insert_token(conn, store_id, kept)
    return CreatedStore(store_id, token)


def list_stores(conn: Connection) -> list[Store]:
    found = [_get(conn, store_id) for store_id in stores.list_store_ids(conn)]
    return [store for store in found if store is not None]


def _get(conn: Connection, store_id: UUID) -> Store | None:
    with tenant(conn, store_id):
        return stores.get_store(conn, store_id)


def set_credentials(conn: Connection, secret_key: str, store_id: UUID, credentials: dict[str, str]) -> bool:
    """Encrypt and store a platform's credentials. False for an unknown store."""
    with tenant(conn, store_id):
        return stores.set_credentials(conn, store_id, encrypt_credentials(secret_key, store_id, credentials))


def set_timezone(conn: Connection, store_id: UUID, timezone: str) -> bool | None:
    """Set the shop's time zone. False for an unknown zone, None for an unknown store."""
    with tenant(conn, store_id):
        if stores.get_store(conn, store_id) is None:
            return None
        return stores.set_timezone(conn, store_id, timezone)


def rotate_token(
    conn: Connection, store_id: UUID, role: str, grace: timedelta, *, created_by: str = "app"
) -> str | None:
    """A new token of a preset. The current one stays valid for `grace`, all older ones end. None for an unknown store."""
    token, kept = _make_token(grant_of(role), Origin(created_by))
    with tenant(conn, store_id):
        if stores.get_store(conn, store_id) is None:
            return None
        retire_tokens(conn, store_id, role, _now() + grace)
        insert_token(conn, store_id, kept)
    return token


def replace_token(conn: Connection, store_id: UUID, token_id: UUID, grace: timedelta, created_by: str) -> str | None:
    """A token with the scopes, label and lifetime of a live one, which ends after `grace`. None if there is none."""
    with tenant(conn, store_id):
        before = retire_token(conn, store_id, token_id, _now() + grace)
        if before is None:
            return None
        grant = Grant(before.role, tuple(before.scopes))
        token, kept = _make_token(grant, Origin(created_by, before.label, before.lifetime))
        insert_token(conn, store_id, kept)
    return token


def revoke_all(conn: Connection, store_id: UUID) -> int | None:
    """End every token of a store at once, as after a leak. Returns how many were live; None for an unknown store."""
    with tenant(conn, store_id):
        return revoke_tokens(conn, store_id) if stores.get_store(conn, store_id) else None


def delete_store(conn: Connection, store_id: UUID) -> bool:
    """Erase a store with all its rows, in short transactions; False for an unknown one.

    Its tokens end first. After an interruption, another call erases the rest.
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


def add_token(conn: Connection, store_id: UUID, grant: Grant, origin: Origin) -> str | None:
    """One more token. None for an unknown store."""
    token, kept = _make_token(grant, origin)
    with tenant(conn, store_id):
        if stores.get_store(conn, store_id) is None:
            return None
        insert_token(conn, store_id, kept)
    return token


def create_operator(owner: Connection, origin: Origin) -> str:
    token, kept = _make_token(OPERATOR_GRANT, origin)
    with as_system(owner):
        insert_operator_token(owner, kept)
    return token


def replace_operator(
    owner: Connection, token_id: UUID, grace: timedelta, lifetime: timedelta | None, created_by: str
) -> str | None:
    """A token in the place of a live one, which ends after `grace`. None if there is none."""
    with as_system(owner):
        before = retire_operator_token(owner, token_id, _now() + grace)
        if before is None:
            return None
        token, kept = _make_token(OPERATOR_GRANT, Origin(created_by, before.label, lifetime))
        insert_operator_token(owner, kept)
    return token


def _make_token(grant: Grant, origin: Origin) -> tuple[str, NewToken]:
    token, token_id = new_token(), new_id()
    expires_at = None if origin.lifetime is None else _now() + origin.lifetime
    kept = NewToken(
        token_id, token_sha256(token), grant.role, grant.scopes, origin.label, origin.created_by, expires_at
    )
    note(token_id=token_id)
    return token, kept


def _now() -> datetime:
    return datetime.now(UTC)
