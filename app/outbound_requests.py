"""What the outbound routes read of a request: an object, a flag, a UUID; each refused with 400 where it is none."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.body import read_json_body
from app.errors import ApiError
from app.services import services
from schemas.strict_json import NotJson, loads


def read_uuid(name: str, value: str) -> UUID:
    """A UUID of the path; 400 for what is none."""
    try:
        return UUID(value)
    except ValueError:
        raise ApiError("VALIDATION_ERROR", f"{name} must be a UUID") from None


def read_object() -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object."""
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return {}
    try:
        document = loads(read_json_body(request, services().settings.max_body_bytes))
    except NotJson as error:
        raise ApiError("INVALID_JSON", str(error)) from None
    if not isinstance(document, dict):
        raise ApiError("VALIDATION_ERROR", "send a JSON object")
    return document


def read_flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise ApiError("VALIDATION_ERROR", f"{name} must be true or false")
    return value
