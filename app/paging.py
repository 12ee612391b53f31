"""Reads a query by its schema, and writes the cursors that a client sends back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.errors import ApiError
from schemas.requests import RequestSchema, WrongRequest, read_request


def read_query(schema: RequestSchema, args: Mapping[str, str]) -> dict[str, Any]:
    """What is asked, with the schema's defaults. Raises ApiError 400."""
    try:
        return read_request(schema, args)
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def write_cursor(*position: str) -> str:
    """The cursor behind a position: see `schemas.queries.Cursor`."""
    return ".".join(position)
