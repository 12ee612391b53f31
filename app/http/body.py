"""Reads a request's body by hand: bounded, inflated, and never cut short in silence.

Werkzeug's own reader cuts a chunked body at the limit and answers as if nothing were missing; this one refuses it.
"""

from __future__ import annotations

import zlib
from typing import IO

from flask import Request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it has no stubs

from app.http.errors import ApiError

CHUNK_BYTES = 64 * 1024
GZIP_WINDOW = 16 + zlib.MAX_WBITS


def read_json_body(request: Request, most_bytes: int) -> bytes:
    """The body's bytes as JSON text, inflated. Raises ApiError 411, 413, 415, or 400 for a broken encoding."""
    if request.content_type != "application/json":  # the usual one needs no parsing
        _check_media_type(request)
    raw = read_bounded(request, most_bytes)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return raw
    if encoding != "gzip":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "the only Content-Encoding accepted is gzip")
    return inflate(raw, most_bytes)


def _check_media_type(request: Request) -> None:
    """JSON in UTF-8, or not said. Raises ApiError 415."""
    if request.mimetype not in ("application/json", ""):
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "send application/json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "send UTF-8")


def read_bounded(request: Request, most_bytes: int) -> bytes:
    """All bytes of the body, by Content-Length or chunked; 413 as soon as it is known to be too long."""
    stream: IO[bytes] = request.environ["wsgi.input"]
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return _read_to_end(stream, most_bytes)
    if request.content_length is None:
        raise ApiError("LENGTH_REQUIRED", "send Content-Length, or chunked")
    if request.content_length > most_bytes:
        raise _too_large(most_bytes)
    body = _read(stream, request.content_length)
    if len(body) != request.content_length:
        raise ApiError("VALIDATION_ERROR", "the body ended before its Content-Length")
    return body


def _read_to_end(stream: IO[bytes], most_bytes: int) -> bytes:
    parts: list[bytes] = []
    left = most_bytes + 1
    while left > 0 and (part := _read(stream, min(left, CHUNK_BYTES))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise _too_large(most_bytes)
    return b"".join(parts)


def _read(stream: IO[bytes], most_bytes: int) -> bytes:
    """Reading fails where chunks are malformed, and where the client goes away in mid-body."""
    try:
        return stream.read(most_bytes)
    except (OSError, ParseException):
        raise ApiError("VALIDATION_ERROR", "the body broke off, or its chunks are malformed") from None


def inflate(raw: bytes, most_bytes: int) -> bytes:
    """One gzip member of at most `most_bytes` inflated; 400 for a truncated one, and for anything behind it."""
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        body = inflater.decompress(raw, most_bytes + 1)
    except zlib.error:
        raise ApiError("VALIDATION_ERROR", "the body is not gzip") from None
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    if not inflater.eof:
        raise ApiError("VALIDATION_ERROR", "the gzip body is truncated")
    if inflater.unused_data:
        raise ApiError("VALIDATION_ERROR", "there is something behind the gzip body")
    return body


def _too_large(most_bytes: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"the body may have {most_bytes} bytes, inflated")
