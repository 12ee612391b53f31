"""Asks a shop while the client waits, and reads an id of the ERP."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from app.http.errors import ApiError
from app.http.services import services
from workers.outbound.planning.preview import SHOP_NOT_SET_UP, PlatformError

T = TypeVar("T")
BUSY_SECONDS = 2


def read_uuid(name: str, value: str) -> UUID:
    """Raises ApiError 400, where a converter of the route would answer 404."""
    try:
        return UUID(value)
    except ValueError:
        raise ApiError("VALIDATION_ERROR", f"{name} must be a UUID") from None


def ask_shop(ask: Callable[[], T]) -> T:
    """What the shop answered. Raises ApiError: 502 with the shop's error code, 409 for a shop that is not connected, and 503
    while as many requests wait for shops as may hold a thread."""
    try:
        with services().shop_room.seat() as taken:
            if not taken:
                message = "too many requests are waiting for shops: try again in a moment"
                raise ApiError("UNAVAILABLE", message, {"Retry-After": str(BUSY_SECONDS)})
            return ask()
    except PlatformError as error:
        if error.code == SHOP_NOT_SET_UP:
            raise ApiError("CONFLICT", error.message, details={"code": error.code}) from None
        headers = {"Retry-After": str(round(error.retry_after or 5))} if error.retryable else {}
        raise ApiError("PLATFORM_FAILED", error.message, headers, {"code": error.code}) from None
