"""Numbers on the command line, within bounds."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole_number(most: int) -> Callable[[str], int]:
    """For `add_argument(type=…)`: a whole number from 1 to `most`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
            raise ArgumentTypeError(f"a whole number from 1 to {most}")
        return int(text)

    return read
