"""What a platform's client needs of a shop's credentials."""

from __future__ import annotations

from workers.platforms.common.failures import bad_credentials
from workers.platforms.common.interface import ShopAccess


def required(access: ShopAccess, name: str) -> str:
    """A credential that the client can't do without. Raises PlatformError where it is missing or empty."""
    value = access.credentials.get(name)
    if not value:
        raise bad_credentials()
    return value
