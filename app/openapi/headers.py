"""The headers of requests and answers."""

from __future__ import annotations

from typing import Any

RETRY_AFTER = {"type": "integer", "minimum": 0}

REQUEST_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "A name of your own for this call, of 1 to 64 letters, digits, dots, dashes and underscores. It runs"
        " through logs and jobs, and comes back. Any other text is replaced.",
        "schema": {"type": "string"},
        "example": "shop-7-batch-1041",
    },
    "Idempotency-Key": {
        "description": "Quoted or not; unique for each batch. The same key with the same body answers the first receipt again"
        " (`Idempotent-Replayed: true`), and nothing runs twice; with another body it answers 422. Stored as its SHA-256.",
        "schema": {"type": "string", "pattern": '^(?!"{1,2}$)"?[!-~]{1,255}"?$'},
        "example": "0b54e6f0-3f3e-4a55-a7b8-1f1f6ef4d2a0",
    },
    "Prefer": {
        "description": "`wait=N` holds the answer for at most N seconds (30 at most), until the work has ended; 202 where it"
        " has not, or where too many wait already. Anything else is ignored.",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
    "If-None-Match": {
        "description": "The `ETag` of the last answer.",
        "schema": {"type": "string"},
        "example": 'W/"5f2c9a7e0b1d4c3a8e6f"',
    },
}

ANSWER_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this call in our logs.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Retry-After": {"description": "Seconds to wait before the next call.", "schema": RETRY_AFTER},
    "Location": {"description": "Where to poll.", "schema": {"type": "string", "format": "uri-reference"}},
    "ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "The receipt of an earlier call with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Preference-Applied": {"description": "How long was waited at most.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "A file name, of a download.", "schema": {"type": "string"}},
    "Content-Security-Policy": {"description": "Nothing but the page's own style.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string", "enum": ["Bearer"]}},
}
