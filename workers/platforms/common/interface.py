"""The border between the pull engine and a platform: what is asked of a platform's client, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.settings.environment import SHOP_PORTS


@dataclass(frozen=True, slots=True)
class Window:
    """Which records a run reads; an absent bound is open.

    `updated_from` is inclusive, `updated_until` exclusive; `created_from` is inclusive. `after_id` is the platform's own id,
    exclusive, and goes with walks in the order of ids.
    """

    updated_from: datetime | None = None
    updated_until: datetime | None = None
    created_from: datetime | None = None
    after_id: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a platform.

    `records` are the platform's own objects, unread. `cursor` names the next page and is None on the last one; it can be
    stored and used by another process. `total` counts the whole window where the platform tells it. `server_time` is the
    platform's clock as the answer gave it. `in_order`: the walk is promised to go by the time of change, so that nothing on a
    later page was changed before what is on this one.
    """

    records: list[dict[str, Any]]
    cursor: str | None
    total: int | None
    server_time: datetime | None
    in_order: bool = False


class PlatformError(Exception):
    """A platform could not answer. `code` and `message` are safe to show to a tenant and say what to do.

    `retry_after`: seconds to wait before a retry, where the platform names them; `retryable` False means that trying again
    would end in the same way.
    """

    def __init__(self, code: str, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ShopAccess:
    """What the store's row and its decrypted credentials say. `url` None: the platform's own address."""

    platform: str
    url: str | None
    credentials: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Settings: ALLOW_HTTP_SHOPS, TIKTOK_CALLS_PER_SECOND and ALLOWED_SHOP_PORTS."""

    allow_http: bool
    tiktok_per_second: float
    ports: Collection[int] = SHOP_PORTS


class Source(Protocol):
    """One window of one entity of one shop, readable page by page from any cursor. Each call has a time limit."""

    def fetch(self, cursor: str | None) -> Page:
        """The page at the cursor, the first one for None. Raises PlatformError."""
        ...


class Shop(Protocol):
    """One shop's client. It holds connections and the shop's rate limit: one for a run, closed at its end."""

    def source(self, entity: str, window: Window) -> Source:
        """The records of an entity in a window. Costs no call. Raises PlatformError ENTITY_NOT_AVAILABLE."""
        ...

    def count(self, entity: str, window: Window) -> int | None:
        """How many records the window holds, for one call; None, without a call, where the platform can't tell."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...
