"""What the outbound routes read of a request: an object, a flag, a UUID; each refused with 400 where it is none. And how they
ask a shop while the client waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from flask import request

from app.body import read_json_body
from app.errors import ApiError
from app.services import services
from schemas.strict_json import NotJson, loads
from workers.outbound.preview import PlatformError

T = TypeVar("T")


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


def is_dry_run() -> bool:
    """Whether `?dry_run=true` asks what would be done instead of doing it."""
    value = request.args.get("dry_run", "false").lower()
    if value not in ("true", "false", "1", "0"):
        raise ApiError("VALIDATION_ERROR", "dry_run must be true or false")
    return value in ("true", "1")


def ask_shop(ask: Callable[[], T]) -> T:
    """What the shop answered; its failure is told with its code."""
    try:
        return ask()
    except PlatformError as error:
        headers = {"Retry-After": str(round(error.retry_after or 5))} if error.retryable else {}
        raise ApiError("PLATFORM_FAILED", error.message, headers, {"code": error.code}) from None
