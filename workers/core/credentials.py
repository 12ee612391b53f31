"""Encrypts platform credentials: AES-256-GCM, bound to store and column, under a key that is not in the database.

Layout: one byte for the format, the key's id, a nonce, the sealed text. Format 1, of older versions, has no key id.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.base.key_ids import KEY_ID_BYTES, key_id

WITHOUT_ID, WITH_ID = b"\x01", b"\x02"
HEADER_BYTES = 1 + KEY_ID_BYTES
NONCE_BYTES = 12


class CredentialsUnreadable(Exception):
    """The value was encrypted under an unknown key or for another store, or was altered."""


def encrypt_credentials(secret_key: str, store_id: UUID, credentials: dict[str, str]) -> bytes:
    nonce, header = os.urandom(NONCE_BYTES), _header(secret_key)
    sealed = AESGCM(_derived(secret_key)).encrypt(nonce, json.dumps(credentials).encode(), _bound_to(store_id, header))
    return header + nonce + sealed


def decrypt_credentials(
    secret_key: str, store_id: UUID, encrypted: bytes, former_keys: Sequence[str] = ()
) -> dict[str, str]:
    """Raises CredentialsUnreadable, also for a value copied from another store's row."""
    return open_credentials((secret_key, *former_keys), store_id, encrypted)[1]


def open_credentials(keys: Sequence[str], store_id: UUID, encrypted: bytes) -> tuple[str, dict[str, str]]:
    """The key that opens the value, and the credentials. Raises CredentialsUnreadable."""
    has_id = encrypted[:1] == WITH_ID
    header, rest = (encrypted[:HEADER_BYTES], encrypted[HEADER_BYTES:]) if has_id else (WITHOUT_ID, encrypted[1:])
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    for key in keys:
        if has_id and header != _header(key):
            continue
        try:
            plain = AESGCM(_derived(key)).decrypt(nonce, sealed, _bound_to(store_id, header))
        except (InvalidTag, ValueError):
            continue
        credentials: dict[str, str] = json.loads(plain)
        return key, credentials
    raise CredentialsUnreadable


def is_under(secret_key: str, encrypted: bytes) -> bool:
    """Whether the value names this key as its own. False for format 1."""
    return encrypted[:HEADER_BYTES] == _header(secret_key)


def _header(secret_key: str) -> bytes:
    return WITH_ID + bytes.fromhex(key_id(secret_key))


def _derived(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sluice credentials v1").derive(secret_key.encode())


def _bound_to(store_id: UUID, header: bytes) -> bytes:
    return store_id.bytes + b"|stores.credentials|" + header
