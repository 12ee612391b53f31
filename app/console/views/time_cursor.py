"""Cursors of lists in order of time: a moment in microseconds, and a key for entries of the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from app.http.errors import ApiError
from app.http.paging import read_cursor, write_cursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def write_time_cursor(at: datetime, rest: str) -> str:
    return write_cursor(str((at - EPOCH) // MICROSECOND), rest)


def read_time_cursor(args: Mapping[str, str]) -> tuple[datetime, str] | None:
    """None for the first page. Raises ApiError for an invalid cursor."""
    cursor = read_cursor(args)
    if cursor is None:
        return None
    try:
        return EPOCH + int(cursor[0]) * MICROSECOND, cursor[1]
    except (IndexError, OverflowError):
        raise wrong_cursor() from None


def wrong_cursor() -> ApiError:
    return ApiError("VALIDATION_ERROR", "The address of this page is invalid. Start from the first page.")
