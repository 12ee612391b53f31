"""Reads a query by its schema, and writes the cursors that a client sends back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from app.http.errors import ApiError
from schemas.requests.fields import RequestSchema, WrongRequest, read_request
from schemas.requests.lists import PlaceQuery

T = TypeVar("T")
PLACE = PlaceQuery()


def read_query(schema: RequestSchema, args: Mapping[str, str]) -> dict[str, Any]:
    """What is asked, with the schema's defaults. Raises ApiError 400."""
    try:
        return read_request(schema, args)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def read_cursor(args: Mapping[str, str]) -> list[str] | None:
    """The parts of a cursor of any list; None where there is none. Raises ApiError 400."""
    parts: list[str] | None = read_query(PLACE, args)["cursor"]
    return parts


def write_cursor(*position: str) -> str:
    """The cursor behind a position: see `schemas.requests.lists.Cursor`."""
    return ".".join(position)


def last_before_more(found: Sequence[T], size: int) -> T | None:
    """The last one of a page, of which one more than `size` was asked for: the next begins behind it. None on the last page."""
    return found[size - 1] if len(found) > size else None
