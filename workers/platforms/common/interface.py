"""The interface between the pull engine and the client of a platform."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.settings.environment import SHOP_PORTS
from app.settings.values import Network


@dataclass(frozen=True, slots=True)
class Window:
    """The records that a pull reads; an absent bound is open.

    `updated_from` and `created_from` are inclusive, `updated_until` is exclusive. `after_id` is an id of the platform,
    exclusive, for reading in the order of ids.
    """

    updated_from: datetime | None = None
    updated_until: datetime | None = None
    created_from: datetime | None = None
    after_id: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a platform.

    `records` are the platform's own objects, unchecked. `cursor` names the next page, None on the last one; it can be stored
    and used by another process. `total` counts the whole window if the platform says. `server_time` is the platform's clock.
    `in_order`: pages are in the order of change, so nothing on a later page changed before what is on this one.
    """

    records: list[dict[str, Any]]
    cursor: str | None
    total: int | None
    server_time: datetime | None
    in_order: bool = False


class PlatformError(Exception):
    """A platform could not answer. `code` and `message` are safe to show to a tenant; the message says what to do.

    `retry_after`: seconds to wait before a retry, if the platform says. `retryable` False: a retry would fail in the same
    way.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """From the store's row and its decrypted credentials. `url` None: the platform's own address.

    `key_in_query` is what `remember_key_in_query` was last called with, for hosts that drop the Authorization header.
    """

    platform: str
    url: str | None
    credentials: Mapping[str, str] = field(repr=False)
    key_in_query: bool = False
    remember_key_in_query: Callable[[bool], object] = lambda is_in_query: None


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Settings: ALLOW_HTTP_SHOPS, TIKTOK_CALLS_PER_SECOND, ALLOWED_SHOP_PORTS and ALLOWED_SHOP_NETWORKS."""

    allow_http: bool
    tiktok_per_second: float
    ports: Collection[int] = SHOP_PORTS
    networks: Collection[Network] = ()


class Source(Protocol):
    """One window of one entity, readable page by page from any cursor. Each call has a time limit."""

    def fetch(self, cursor: str | None) -> Page:
        """The page at the cursor; the first page for None. Raises PlatformError."""
        ...


class Shop(Protocol):
    """The client of one shop. It holds connections and the shop's rate limit: open one per turn, and close it."""

    def source(self, entity: str, window: Window) -> Source:
        """The records of an entity in a window. Makes no call. Raises PlatformError ENTITY_NOT_AVAILABLE."""
        ...

    def count(self, entity: str, window: Window) -> int | None:
        """The number of records in the window, by one call; None, without a call, if the platform can't tell."""
        ...

    def close(self) -> None: ...
