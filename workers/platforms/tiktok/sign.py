"""TikTok Shop's request signature: HMAC-SHA-256 over path, query and body, keyed with the app's secret."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

UNSIGNED = ("sign", "access_token")


def sign(app_secret: str, path: str, query: Mapping[str, str], body: bytes) -> str:
    """The value of `sign`, in lower-case hexadecimal. Query values are signed before percent-encoding."""
    signed = "".join(f"{name}{query[name]}" for name in sorted(query) if name not in UNSIGNED)
    secret = app_secret.encode()
    return hmac.digest(secret, secret + path.encode() + signed.encode() + body + secret, "sha256").hex()
