"""Names of keys: what is stored beside a value says under which key it was made, and tells nothing about the key."""

from __future__ import annotations

import hmac

KEY_ID_BYTES = 4


def key_id(key: str) -> str:
    """Eight hexadecimal digits, the same for the same key. Nobody can guess a key of 32 characters or more by them."""
    return hmac.digest(key.encode(), b"sluice key id", "sha256")[:KEY_ID_BYTES].hex()
