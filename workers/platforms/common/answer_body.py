"""Reads the body of a shop's answer, bounded in time, bytes and JSON values: a shop may be hostile.

httpx inflates a whole piece before its size is known, and accepts every installed encoding. So we ask for gzip only, read raw
bytes, and inflate them in bounded steps.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import httpx

from schemas.base.json_bounds import JsonBounds, JsonTally, TooMuch, inflated
from workers.platforms.common.failures import encoding_refused, too_large, unreadable

MOST_BODY_BYTES = 64 * 1024 * 1024
# A page has at most 250 records: 1,000 objects and 4,000 values for each are far more than shops send.
PAGE_BOUNDS = JsonBounds(MOST_BODY_BYTES, 250_000, 1_000_000)
ACCEPT_ENCODING = "gzip"
GZIP_WINDOW = 16 + zlib.MAX_WBITS


def read_body(response: httpx.Response, deadline: float, monotonic: Callable[[], float]) -> bytes:
    """The whole body, inflated. Raises PlatformError if it is too large or in another encoding.

    The read timeout is per piece, so a slow drip is stopped by the deadline, with TimeoutError.
    """
    tally = JsonTally(PAGE_BOUNDS)
    parts: list[bytes] = []
    try:
        for piece in _decoded(response):
            tally.add(piece)
            parts.append(piece)
            if monotonic() > deadline:
                raise TimeoutError
    except TooMuch:
        raise too_large() from None
    except zlib.error:
        raise unreadable() from None
    return b"".join(parts)


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from response.iter_raw()
    elif encoding in ("gzip", "x-gzip"):
        inflater = zlib.decompressobj(GZIP_WINDOW)
        for raw in response.iter_raw():
            yield from inflated(inflater, raw)
    else:
        raise encoding_refused()
