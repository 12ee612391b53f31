"""Reads what a platform's client needs from a shop's credentials."""

from __future__ import annotations

from workers.platforms.common.failures import bad_credentials
from workers.platforms.common.interface import ShopAccess


def required(access: ShopAccess, name: str) -> str:
    value = access.credentials.get(name)
    if not value:
        raise bad_credentials()
    return value
