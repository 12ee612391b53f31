"""What a JSON text may hold, checked before it is parsed: parsed, a text takes up to fifty times its bytes.

The check counts bytes and looks inside no text, so it takes microseconds: `{`, `[` and `,` inside texts count too, and the
bounds leave room for them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

INFLATED_PIECE_BYTES = 1024 * 1024
GZIP_INPUT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class JsonBounds:
    """`containers` counts `{` and `[`, `values` counts commas, `bytes` is the size once inflated."""

    bytes: int
    containers: int
    values: int


class TooMuch(ValueError):
    """A text holds more than its bounds allow. The message is safe to show and names the bound."""


@dataclass(slots=True)
class JsonTally:
    """Counts what a text holds, piece by piece."""

    bounds: JsonBounds
    size: int = 0
    containers: int = 0
    values: int = 0

    def add(self, piece: bytes) -> None:
        """Raises TooMuch at the first piece that is too much."""
        self.size += len(piece)
        if self.size > self.bounds.bytes:
            raise TooMuch(f"{self.bounds.bytes} bytes, inflated")
        if self.size > self.bounds.containers:  # fewer bytes can't hold so many: a usual text costs no counting
            self.containers += piece.count(b"{") + piece.count(b"[")
            self.values += piece.count(b",")
        if self.containers > self.bounds.containers:
            raise TooMuch(f"{self.bounds.containers} objects and arrays")
        if self.values > self.bounds.values:
            raise TooMuch(f"{self.bounds.values} values")


def inflated(inflater: zlib._Decompress, raw: bytes) -> Iterator[bytes]:
    """Inflate in pieces of at most INFLATED_PIECE_BYTES. What follows the end of the gzip member is left
    in `unused_data`.

    The inflater copies the input it has not used with each piece, so it gets a little at a time.
    """
    for begin in range(0, len(raw), GZIP_INPUT_BYTES):
        waiting = raw[begin : begin + GZIP_INPUT_BYTES]
        if inflater.eof:
            inflater.decompress(waiting)  # yields nothing: it goes to unused_data
            return
        while waiting and not inflater.eof:
            if piece := inflater.decompress(waiting, INFLATED_PIECE_BYTES):
                yield piece
            waiting = inflater.unconsumed_tail
