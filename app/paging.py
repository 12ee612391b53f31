"""Reads a query by its schema, and writes the cursors that a client sends back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ApiError
from schemas.queries import PlaceQuery
from schemas.requests import RequestSchema, WrongRequest, read_request

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
    """The cursor behind a position: see `schemas.queries.Cursor`."""
    return ".".join(position)
