"""What the outbound routes read of a request: a body by its schema, a UUID; each refused with 400 where it is none."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.body import read_json_body
from app.errors import ApiError
from app.services import services
from schemas.requests import RequestSchema, WrongRequest, read_object, read_request


def read_uuid(name: str, value: str) -> UUID:
    """A UUID of the path; 400 for what is none."""
    try:
        return UUID(value)
    except ValueError:
        raise ApiError("VALIDATION_ERROR", f"{name} must be a UUID") from None


def read_body(schema: RequestSchema) -> dict[str, Any]:
    """The request's JSON object by its schema; an empty body is an empty object."""
    try:
        return read_request(schema, _object())
    except WrongRequest as error:
        raise ApiError(error.code, error.message) from None


def _object() -> dict[str, Any]:
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return {}
    return read_object(read_json_body(request, services().settings.max_body_bytes))
