"""Finds which key each stored value was made with, and encrypts credentials under the newest key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from psycopg import Connection

from db.catalogue.email_keys import count_email_keys
from db.core.tenancy import tenant
from db.stores.stores import get_credentials, list_store_ids, replace_credentials
from schemas.base.key_ids import key_id
from workers.core.credentials import CredentialsUnreadable, encrypt_credentials, is_under, open_credentials


@dataclass(slots=True)
class CredentialKeys:
    """Stores with credentials by the id of the key that opens them; `older_format` of these say nothing of their key yet."""

    by_key: Counter[str] = field(default_factory=Counter)
    older_format: int = 0
    unreadable: list[UUID] = field(default_factory=list)

    def waiting(self, newest: str) -> int:
        """Values that `rotate` would make anew."""
        return sum(self.by_key.values()) - self.by_key[key_id(newest)] + self.older_format


def count_credentials(conn: Connection, keys: Sequence[str]) -> CredentialKeys:
    found = CredentialKeys()
    for store_id in list_store_ids(conn):
        encrypted = _read(conn, store_id)
        if encrypted is None:
            continue
        try:
            key, _ = open_credentials(keys, store_id, encrypted)
        except CredentialsUnreadable:
            found.unreadable.append(store_id)
            continue
        found.by_key[key_id(key)] += 1
        found.older_format += key == keys[0] and not is_under(key, encrypted)
    return found


def renew_credentials(
    conn: Connection, keys: Sequence[str], on_store: Callable[[int, int], None] = lambda _done, _all: None
) -> int:
    """Encrypt credentials under the newest key and return how many were changed. Can be repeated after an interruption."""
    renewed, store_ids = 0, list_store_ids(conn)
    for done, store_id in enumerate(store_ids, 1):
        renewed += _renew(conn, keys, store_id)
        on_store(done, len(store_ids))
    return renewed


def _renew(conn: Connection, keys: Sequence[str], store_id: UUID) -> bool:
    # A worker may replace the tokens meanwhile: then they are read and encrypted once more.
    while (encrypted := _read(conn, store_id)) is not None and not is_under(keys[0], encrypted):
        try:
            _, credentials = open_credentials(keys, store_id, encrypted)
        except CredentialsUnreadable:
            return False
        fresh = encrypt_credentials(keys[0], store_id, credentials)
        with tenant(conn, store_id):
            if replace_credentials(conn, store_id, encrypted, fresh):
                return True
    return False


def _read(conn: Connection, store_id: UUID) -> bytes | None:
    with tenant(conn, store_id):
        return get_credentials(conn, store_id)


@dataclass(frozen=True, slots=True)
class EmailKeys:
    """A store's customers with an address, by the id of the key that it was hashed under; None: a plain SHA-256."""

    store_id: UUID
    by_key: dict[str | None, int]

    def waiting(self, key: str | None) -> int:
        """Customers whose hash changes once they are posted again."""
        current = key_id(key) if key is not None else None
        return sum(count for made_with, count in self.by_key.items() if made_with != current)


def count_email_hashes(conn: Connection) -> list[EmailKeys]:
    """One row a store that has such customers. Reads all customers, store by store."""
    counted = []
    for store_id in list_store_ids(conn):
        with tenant(conn, store_id):
            counted.append(EmailKeys(store_id, count_email_keys(conn, store_id)))
    return [each for each in counted if each.by_key]
