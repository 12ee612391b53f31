"""Reads queries by their schemas, and writes the cursors that clients send back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from app.http.errors import ApiError
from schemas.requests.fields import RequestSchema, WrongRequest, read_request
from schemas.requests.lists import PlaceQuery

T = TypeVar("T")
PLACE = PlaceQuery()


def read_query(schema: RequestSchema, args: Mapping[str, str]) -> dict[str, Any]:
    """The query by its schema, with defaults. Raises ApiError 400."""
    try:
        return read_request(schema, args)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def read_cursor(args: Mapping[str, str]) -> list[str] | None:
    """The parts of a list's cursor, None if there is none. Raises ApiError 400."""
    parts: list[str] | None = read_query(PLACE, args)["cursor"]
    return parts


def write_cursor(*position: str) -> str:
    return ".".join(position)


def last_before_more(found: Sequence[T], size: int) -> T | None:
    """The last item of a page, for its cursor; None on the last page. `found` was read with one more than `size`."""
    return found[size - 1] if len(found) > size else None
