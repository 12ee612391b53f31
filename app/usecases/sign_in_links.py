"""One-use links that sign a browser in to the console, with a token that nobody needs to copy."""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import urlencode

from psycopg import Connection

from app.http.auth import token_sha256
from db.stores.console_sessions import open_session

LINK_SECONDS = 3600
PATH = "/console/sign-in"


def make_link(conn: Connection, base_url: str, token: str) -> str:
    """A link that opens one session of this live token within LINK_SECONDS. The database has only its hash."""
    secret = secrets.token_urlsafe(32)
    if open_session(conn, link_hash(secret), token_sha256(token), LINK_SECONDS) is None:
        raise ValueError("a link needs a live token")
    return f"{base_url}{PATH}?{urlencode({'link': secret})}"


def link_hash(secret: str) -> bytes:
    """Not the SHA-256 of cookies: a link's secret must not work as a cookie, which could be used more than once."""
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), digest_size=32, person=b"sign-in link").digest()
