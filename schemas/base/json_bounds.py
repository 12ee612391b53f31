"""Bounds of a JSON text, checked before it is parsed: once parsed, it may take fifty times its bytes of memory.

The check counts bytes and takes microseconds. It also counts `{`, `[` and `,` inside strings, and the bounds leave room for
them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

INFLATED_PIECE_BYTES = 1024 * 1024
GZIP_INPUT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """`containers` counts `{` and `[`, `values` counts commas, `bytes` is the inflated size."""

    bytes: int
    containers: int
    values: int


class TooMuch(ValueError):
    """A text exceeds its bounds. The message names the bound and is safe to show."""


@dataclass(slots=True)
class JsonTally:
    """Counts a text, piece by piece."""

    bounds: JsonBounds
    size: int = 0
    containers: int = 0
    values: int = 0

    def add(self, piece: bytes) -> None:
        """Count one more piece. Raises TooMuch at the first bound that is exceeded."""
        self.size += len(piece)
        if self.size > self.bounds.bytes:
            raise TooMuch(f"{self.bounds.bytes} bytes, inflated")
        if self.size > self.bounds.containers:  # fewer bytes can't hold so many: most texts are not counted
            self.containers += piece.count(b"{") + piece.count(b"[")
            self.values += piece.count(b",")
        if self.containers > self.bounds.containers:
            raise TooMuch(f"{self.bounds.containers} objects and arrays")
        if self.values > self.bounds.values:
            raise TooMuch(f"{self.bounds.values} values")


def inflated(inflater: zlib._Decompress, raw: bytes) -> Iterator[bytes]:
    """Inflate in pieces of at most INFLATED_PIECE_BYTES. Bytes after the gzip member end up in `unused_data`."""
    # The inflater copies its unused input with each piece, so it gets a little at a time.
    for start in range(0, len(raw), GZIP_INPUT_BYTES):
        waiting = raw[start : start + GZIP_INPUT_BYTES]
        if inflater.eof:
            inflater.decompress(waiting)  # goes to unused_data
            return
        while waiting and not inflater.eof:
            if piece := inflater.decompress(waiting, INFLATED_PIECE_BYTES):
                yield piece
            waiting = inflater.unconsumed_tail
