"""Platform credentials at rest: AES-256-GCM, bound to store and column, under a key that is not in the database."""

from __future__ import annotations

import json
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_ID = b"\x01"  # the first byte of each value: which derivation made its key
NONCE_BYTES = 12


class CredentialsUnreadable(Exception):
    """The bytes were made under another SECRET_KEY, for another store, or were altered."""


def _key(secret_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"sluice credentials v1").derive(secret_key.encode())


def _bound_to(store_id: UUID) -> bytes:
    return store_id.bytes + b"|stores.credentials|" + KEY_ID


def encrypt_credentials(secret_key: str, store_id: UUID, credentials: dict[str, str]) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_key(secret_key)).encrypt(nonce, json.dumps(credentials).encode(), _bound_to(store_id))
    return KEY_ID + nonce + sealed


def decrypt_credentials(secret_key: str, store_id: UUID, encrypted: bytes) -> dict[str, str]:
    """Raises CredentialsUnreadable; copied to another store's row, the bytes open nothing."""
    nonce, sealed = encrypted[1 : 1 + NONCE_BYTES], encrypted[1 + NONCE_BYTES :]
    try:
        plain = AESGCM(_key(secret_key)).decrypt(nonce, sealed, _bound_to(store_id))
    except (InvalidTag, ValueError):
        raise CredentialsUnreadable from None
    credentials: dict[str, str] = json.loads(plain)
    return credentials
