"""Cursors: opaque to clients, positions in an index to us."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from app.errors import ApiError

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
BIGINT_MAX = 2**63 - 1


def read_page_size(args: Mapping[str, str]) -> int:
    """`limit`, 1 to LARGEST_PAGE."""
    value = args.get("limit", str(DEFAULT_PAGE))
    if not value.isascii() or not value.isdecimal() or len(value) > 9 or not 1 <= int(value) <= LARGEST_PAGE:
        raise ApiError("VALIDATION_ERROR", f"limit must be a whole number from 1 to {LARGEST_PAGE}")
    return int(value)


def write_cursor(*position: str) -> str:
    return base64.urlsafe_b64encode("\n".join(position).encode()).decode().rstrip("=")


def read_cursor(args: Mapping[str, str]) -> list[str] | None:
    """The position behind `cursor`, its first part a number; None where there is none. 400 for one we never made."""
    value = args.get("cursor")
    if value is None:
        return None
    try:
        position = base64.urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4)).decode().split("\n")
    except (binascii.Error, UnicodeError):
        position = [""]
    if not _is_position(position):
        raise ApiError("VALIDATION_ERROR", "cursor is not one of ours")
    return position


def _is_position(position: list[str]) -> bool:
    """A number within bigint, and at most one text that PostgreSQL takes."""
    first = position[0]
    is_number = first.isascii() and first.isdecimal() and len(first) <= 19 and int(first) <= BIGINT_MAX
    return is_number and len(position) <= 2 and "\0" not in position[-1]
