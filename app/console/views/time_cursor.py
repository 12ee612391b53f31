"""Places in lists that go by time: a moment to the microsecond, and what tells apart whatever happened in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from app.http.errors import ApiError
from app.http.paging import read_cursor, write_cursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def write_place(at: datetime, rest: str) -> str:
    return write_cursor(str((at - EPOCH) // MICROSECOND), rest)


def read_place(args: Mapping[str, str]) -> tuple[datetime, str] | None:
    """None where the list begins. Raises ApiError for a place that no page of ours names."""
    cursor = read_cursor(args)
    if cursor is None:
        return None
    try:
        return EPOCH + int(cursor[0]) * MICROSECOND, cursor[1]
    except (IndexError, OverflowError):
        raise wrong_place() from None


def wrong_place() -> ApiError:
    return ApiError("VALIDATION_ERROR", "The address of this page is not right. Start from the first page.")
