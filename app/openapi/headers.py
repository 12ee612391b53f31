"""The headers of requests and answers, and the words of each error code."""

from __future__ import annotations

from typing import Any

from app.http.errors import STATUSES

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

ERROR_HEADERS: dict[str, tuple[str, ...]] = {
    "UNAUTHORIZED": ("WWW-Authenticate",),
    "RATE_LIMITED": ("Retry-After",),
    "STORAGE_FULL": ("Retry-After",),
    "UNAVAILABLE": ("Retry-After",),
}
ERROR_MAY_HAVE: dict[str, tuple[str, ...]] = {
    "PLATFORM_FAILED": ("Retry-After",),
    "SYNC_FAILED": ("Preference-Applied", "Idempotent-Replayed"),
}

ERRORS: dict[str, str] = {
    "VALIDATION_ERROR": "orders must be an array",
    "INVALID_JSON": "the JSON is invalid at line 1, column 12",
    "UNAUTHORIZED": "send a valid token: Authorization: Bearer …",
    "FORBIDDEN": "this takes a token with the scope erp",
    "NOT_FOUND": "there is no such thing here",
    "METHOD_NOT_ALLOWED": "method not allowed",
    "CONFLICT": "only a failed job whose payload is still kept can be retried",
    "LENGTH_REQUIRED": "send Content-Length, or chunked",
    "PAYLOAD_TOO_LARGE": "orders may hold 5000 records, not 5001",
    "UNSUPPORTED_MEDIA_TYPE": "send application/json",
    "IDEMPOTENCY_KEY_REUSED": "this Idempotency-Key came with another body before",
    "RATE_LIMITED": "more than 1200 requests a minute",
    "STORAGE_FULL": "the store takes more than the 1000000000 bytes it may: delete data, or ask for more",
    "INTERNAL": "something went wrong on our side; the request id helps to find it",
    "SYNC_FAILED": "the batch could not be processed",
    "PLATFORM_FAILED": "the shop did not answer in time",
    "UNAVAILABLE": "the service is not available for the moment",
}
DETAILS: dict[str, dict[str, Any]] = {
    "CONFLICT": {"status": "completed"},
    "FORBIDDEN": {"missingScopes": ["erp"]},
    "PLATFORM_FAILED": {"code": "PLATFORM_TIMED_OUT"},
    "SYNC_FAILED": {"syncLogId": "01a1fc05-3a02-7202-b70c-5ff2ed410956", "status": "failed"},
}


def by_status(codes: tuple[str, ...]) -> dict[int, list[str]]:
    """The codes of each status, in the order of the statuses."""
    grouped: dict[int, list[str]] = {}
    for code in sorted(codes, key=lambda code: (STATUSES[code], code)):
        grouped.setdefault(STATUSES[code], []).append(code)
    return grouped
