"""Refuses data of a store that is above its quota, before a body is read or a row written."""

from __future__ import annotations

from app.http.auth import current_store_id
from app.http.errors import ApiError
from app.http.services import services

RETRY_AFTER_SECONDS = 300  # the dispatcher measures as often


def refuse_full_store() -> None:
    """Raises ApiError 429 if the caller's store holds more than MAX_STORE_BYTES."""
    found = services()
    if found.full_stores.holds(current_store_id()):
        message = (
            f"the store holds more than the {found.settings.max_store_bytes} bytes it may: delete data, or ask for more"
        )
        raise ApiError("STORAGE_FULL", message, {"Retry-After": str(RETRY_AFTER_SECONDS)})
