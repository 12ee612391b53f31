"""Reads a request's body within limits, and inflates gzip.

Werkzeug's own reader cuts a chunked body at the limit without an error; this one refuses it.

A parsed document takes up to fifty times the memory of its text, and gzip inflates a byte to a thousand. So every route states
what its body may hold (`JsonBounds`), which is checked while the body is read or inflated, before anything is parsed.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import IO, TYPE_CHECKING, TypeVar

from flask import Request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # it has no stubs

from app.http.errors import ApiError
from app.settings.environment import Settings
from schemas.base.json_bounds import GZIP_INPUT_BYTES, JsonBounds, JsonTally, TooMuch, inflated
from schemas.requests.fields import WrongRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

T = TypeVar("T")

PIECE_BYTES = 1024 * 1024  # most batches are one piece
GZIP_WINDOW = 16 + zlib.MAX_WBITS

# On average over a batch: an order with 30 lines, its coupons, and refunds of half of them. One order may have more.
CONTAINERS_A_RECORD = 56  # the record, its three lists, 30 lines, 5 coupons, and 2 refunds with 15 lines
VALUES_A_RECORD = 560  # 36 fields, 12 of a line, 3 of a coupon, 5 of a refund and of each of its lines
CONTAINERS_BESIDE = 4096  # one order of 1,000 lines fits, however few records a batch may have
VALUES_BESIDE = 64 * 1024

LARGE_BODY_BYTES = 1024 * 1024
_large = threading.Lock()

LINGER_SECONDS = 10.0
LINGER_IDLE_SECONDS = 2.0
LINGER_BYTES = 64 * 1024 * 1024

SMALL_BODY = JsonBounds(64 * 1024, 4096, 16 * 1024)  # an object of a few fields


def batch_limits(settings: Settings, most_records: int) -> JsonBounds:
    """A batch of `most_records` records with 30 lines each fits into these limits."""
    return JsonBounds(
        bytes=settings.max_body_bytes,
        containers=CONTAINERS_A_RECORD * most_records + CONTAINERS_BESIDE,
        values=VALUES_A_RECORD * most_records + VALUES_BESIDE,
    )


def event_limits(settings: Settings, most_events: int) -> JsonBounds:
    return JsonBounds(settings.max_body_bytes, 4 * most_events, 16 * most_events)


def parse_json_body(request: Request, limits: JsonBounds, parse: Callable[[bytes], T]) -> T:
    """Read the body and return what `parse` makes of its JSON text.

    Raises ApiError 411, 413 or 415, and 400 for a broken encoding. Large bodies are inflated and parsed one at a time in a
    process, so that the memory they take never adds up; parsing holds Python's interpreter lock anyway. Bodies are read in
    parallel: a slow client holds up nobody.
    """
    if request.content_type != "application/json":  # the usual one needs no parsing
        _check_media_type(request)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        body = _read_bounded(request, limits.bytes, JsonTally(limits))
        return _parse_in_turn(lambda: body, len(body), parse)
    if encoding != "gzip":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "the only Content-Encoding accepted is gzip")
    raw = _read_bounded(request, limits.bytes, None)
    size, first = _inspect(raw, limits)
    if len(first) == size:
        return _parse_in_turn(lambda: first, size, parse)
    return _parse_in_turn(lambda: zlib.decompress(raw, GZIP_WINDOW, size), size, parse)


def _parse_in_turn(inflate: Callable[[], bytes], size: int, parse: Callable[[bytes], T]) -> T:
    with _large if size > LARGE_BODY_BYTES else nullcontext():
        try:
            return parse(inflate())
        except (ApiError, WrongRequest) as error:
            # The traceback would keep the body and the parsed document alive while the next request parses its own.
            error.__context__ = None
            refusal = error.with_traceback(None)
    raise refusal


def _check_media_type(request: Request) -> None:
    if request.mimetype not in ("application/json", ""):
        raise ApiError("UNSUPPORTED_MEDIA_TYPE")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", "send UTF-8")


def _read_bounded(request: Request, most_bytes: int, tally: JsonTally | None) -> bytes:
    stream: IO[bytes] = request.environ["wsgi.input"]
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return _join(_pieces(stream, most_bytes + 1), most_bytes, tally)
    if request.content_length is None:
        raise ApiError("LENGTH_REQUIRED")
    if request.content_length > most_bytes:
        raise _too_large(most_bytes)
    body = _join(_pieces(stream, request.content_length), most_bytes, tally)
    if len(body) != request.content_length:
        raise ApiError("VALIDATION_ERROR", "the body ended before its Content-Length")
    return body


def _pieces(stream: IO[bytes], left: int) -> Iterator[bytes]:
    # Reading fails where chunks are malformed, and where the client goes away in mid-body.
    try:
        while left > 0 and (piece := stream.read(min(left, PIECE_BYTES))):
            yield piece
            left -= len(piece)
    except (OSError, ParseException):
        raise ApiError("VALIDATION_ERROR", "the body ended early, or its chunks are malformed") from None


def _join(pieces: Iterator[bytes], most_bytes: int, tally: JsonTally | None) -> bytes:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most_bytes:
            raise _too_large(most_bytes)
        parts.append(piece)
        if tally is not None:
            _count(tally, piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inspect(raw: bytes, limits: JsonBounds) -> tuple[int, bytes]:
    # Returns the inflated size and the first piece, which mostly is the whole body; the other pieces are only counted.
    tally, first = JsonTally(limits), b""
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        for piece in inflated(inflater, raw):
            _count(tally, piece)
            first = first or piece
    except zlib.error:
        raise ApiError("VALIDATION_ERROR", "the body is not gzip") from None
    if not inflater.eof:
        raise ApiError("VALIDATION_ERROR", "the gzip body is truncated")
    if inflater.unused_data:
        raise ApiError("VALIDATION_ERROR", "there are bytes after the gzip body")
    return tally.size, first


def _count(tally: JsonTally, piece: bytes) -> None:
    try:
        tally.add(piece)
    except TooMuch as error:
        raise ApiError("PAYLOAD_TOO_LARGE", f"the body may hold at most {error}; send smaller batches") from None


def _too_large(most_bytes: int) -> ApiError:
    return ApiError("PAYLOAD_TOO_LARGE", f"the body may have at most {most_bytes} bytes, inflated")


def throw_rest_away(environ: WSGIEnvironment) -> None:
    """Read the rest of a refused body, so that a client which still writes sees the answer and not a broken pipe.

    Called once the answer is sent. Ends with the body, or after LINGER_BYTES, LINGER_SECONDS, or LINGER_IDLE_SECONDS of
    silence.
    """
    stream, connection = environ["wsgi.input"], environ.get("gunicorn.socket")
    deadline = time.monotonic() + LINGER_SECONDS
    left = LINGER_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            if connection is not None:
                connection.settimeout(min(seconds, LINGER_IDLE_SECONDS))
            piece = stream.read(min(left, GZIP_INPUT_BYTES))
            if not piece:
                return
            left -= len(piece)
    except (OSError, ParseException):
        return  # the client is gone, or silent; gunicorn closes the connection
    finally:
        if connection is not None:
            with suppress(OSError):
                connection.settimeout(None)
