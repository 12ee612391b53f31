"""What the outbound routes read of a request: a body by its schema, a UUID; each refused with 400 where it is none. And how
they ask a shop while the client waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from flask import request

from app.http.body import read_json_body
from app.http.errors import ApiError
from app.http.paging import read_query
from app.http.services import services
from schemas.requests.fields import RequestSchema, WrongRequest, read_object, read_request
from schemas.requests.lists import DryRunQuery
from workers.outbound.planning.preview import SHOP_NOT_SET_UP, PlatformError

T = TypeVar("T")
DRY_RUN = DryRunQuery()
BUSY_SECONDS = 2


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


def is_dry_run() -> bool:
    """Whether `?dry_run=true` asks what would be done instead of doing it."""
    return bool(read_query(DRY_RUN, request.args)["dry_run"])


def ask_shop(ask: Callable[[], T]) -> T:
    """What the shop answered; its failure is told with its code. A shop that is not connected is no failure of the shop's.

    A shop may be slow, and others need the threads: beyond a few at once, clients are put off.
    """
    try:
        with services().shop_room.seat() as taken:
            if not taken:
                raise _busy()
            return ask()
    except PlatformError as error:
        if error.code == SHOP_NOT_SET_UP:
            raise ApiError("CONFLICT", error.message, details={"code": error.code}) from None
        headers = {"Retry-After": str(round(error.retry_after or 5))} if error.retryable else {}
        raise ApiError("PLATFORM_FAILED", error.message, headers, {"code": error.code}) from None


def _busy() -> ApiError:
    message = "other shops are being asked at this moment; try again in a moment"
    return ApiError("UNAVAILABLE", message, {"Retry-After": str(BUSY_SECONDS)})
