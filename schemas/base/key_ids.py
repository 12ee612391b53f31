"""Ids of secret keys: stored beside a value, an id says which key made it."""

from __future__ import annotations

import hmac

KEY_ID_BYTES = 4


def key_id(key: str) -> str:
    """Eight hexadecimal digits that depend on the key. They do not help to guess a key of 32 or more characters."""
    return hmac.digest(key.encode(), b"sluice key id", "sha256")[:KEY_ID_BYTES].hex()
