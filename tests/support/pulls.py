"""A platform in the test's own process, and runs against it: what the engine's own tests need, without sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from psycopg import Connection
from werkzeug.test import TestResponse

from app.usecases.stores import create_store, set_credentials
from db.core.tenancy import tenant
from db.pulls.runs import Progress, list_progress
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pipeline import bearer
from workers.core.runtime import Runtime
from workers.platforms.common.interface import Page, PlatformError, Window
from workers.pulls.start import Wanted, start_pull
from workers.pulls.turn import Turn, pull
from workers.shops.opener import open_store_shop

SECRET_KEY = "k" * 32
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def tiktok_order(number: int, updated: datetime, **more: Any) -> dict[str, Any]:
    order = {
        "id": str(number),
        "status": "COMPLETED",
        "create_time": int(BEGIN.timestamp()),
        "update_time": int(updated.timestamp()),
        "payment": {"currency": "GBP", "total_amount": "10.00"},
        "line_items": [],
    }
    return order | more


@dataclass
class MemoryShop:
    """TikTok orders in the order of their times of change, read from where the last page ended: nothing can slip by."""

    page_size: int = 10
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    clock: datetime = BEGIN
    fetches: list[str | None] = field(default_factory=list)
    before_fetch: Callable[[int], None] = lambda _count: None
    failures: list[Exception] = field(default_factory=list)

    def change(self, number: int, **more: Any) -> None:
        """Create or change an order now."""
        self.clock += timedelta(seconds=1)
        self.orders[number] = tiktok_order(number, self.clock, **more)

    def arrive_late(self, number: int, late_by: timedelta, **more: Any) -> None:
        """An order that shows itself now, with a time in the past."""
        self.orders[number] = tiktok_order(number, self.clock - late_by, **more)

    def source(self, entity: str, window: Window) -> MemorySource:
        assert entity == "orders"
        return MemorySource(self, window)

    def count(self, _entity: str, _window: Window) -> int | None:
        return None

    def close(self) -> None:
        pass


@dataclass
class MemorySource:
    """One window of a MemoryShop. A cursor names the last order that was read: its time and its id."""

    shop: MemoryShop
    window: Window

    def fetch(self, cursor: str | None) -> Page:
        self.shop.before_fetch(len(self.shop.fetches))
        self.shop.fetches.append(cursor)
        if self.shop.failures:
            raise self.shop.failures.pop(0)
        after = tuple(int(part) for part in cursor.split(":")) if cursor else (-1, -1)
        found = sorted((self._place(order), order) for order in self.shop.orders.values() if self._is_wanted(order))
        left = [(place, order) for place, order in found if place > after]
        page = left[: self.shop.page_size]
        following = ":".join(map(str, page[-1][0])) if len(left) > len(page) else None
        moment = self.shop.clock + timedelta(milliseconds=900)  # somewhere within its second
        return Page([order for _, order in page], following, len(found), moment, in_order=True)

    def _place(self, order: dict[str, Any]) -> tuple[int, int]:
        return order["update_time"], int(order["id"])

    def _is_wanted(self, order: dict[str, Any]) -> bool:
        when = datetime.fromtimestamp(order["update_time"], UTC)
        begin, end = self.window.updated_from, self.window.updated_until
        return (begin is None or when >= begin) and (end is None or when < end)


def start(runtime: Runtime, store_id: UUID, wanted: Wanted) -> UUID:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return start_pull(conn, store_id, "tiktok", wanted, "test").log_id


def turn(runtime: Runtime, store_id: UUID, log_id: UUID, shop: MemoryShop) -> Turn:
    return pull(runtime, store_id, log_id, lambda _runtime, _store_id: shop)


def run(runtime: Runtime, store_id: UUID, shop: MemoryShop, wanted: Wanted | None = None) -> UUID:
    """Start a run and take it to its end."""
    log_id = start(runtime, store_id, wanted or Wanted("orders", "incremental"))
    assert turn(runtime, store_id, log_id, shop) is Turn.COMPLETED
    return log_id


def progress(runtime: Runtime, store_id: UUID, log_id: UUID) -> Progress:
    with runtime.pool.connection() as conn, tenant(conn, store_id):
        return list_progress(conn, store_id, [log_id])[log_id]


def revoked() -> PlatformError:
    return PlatformError("ACCESS_REVOKED", "Connect the shop again.", retryable=False)


def busy(retry_after: float | None = None) -> PlatformError:
    return PlatformError("PLATFORM_BUSY", "The platform is busy.", retryable=True, retry_after=retry_after)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


@dataclass(frozen=True)
class Shopkeeper:
    """A store of one platform, its way in over HTTP, and a worker in the test's own process."""

    runtime: Runtime
    client: FlaskClient
    store_id: UUID
    token: str

    def call(self, method: str, path: str, **body: Any) -> TestResponse:
        sent: Any = body or None
        return self.client.open(path, method=method, json=sent, headers=bearer(self.token))

    def start(self, path: str, **body: Any) -> UUID:
        """Start a run that must be accepted."""
        answer = self.call("POST", path, **body)
        assert answer.status_code == 202, answer.text
        return UUID(answer.json["data"]["jobId"])  # type: ignore[index]  # an answer of ours has a body

    def work(self, log_id: UUID) -> Turn:
        """A worker's turn at a run, with the product's own client."""
        return pull(self.runtime, self.store_id, log_id, open_store_shop)

    def run(self, path: str, **body: Any) -> dict[str, Any]:
        """Start a run, take it to its end, and read its job."""
        log_id = self.start(path, **body)
        outcome = self.work(log_id)
        assert outcome is Turn.COMPLETED, (outcome, self.job(log_id))
        return self.job(log_id)

    def job(self, log_id: UUID | str) -> dict[str, Any]:
        return self.data("GET", f"/api/sync/jobs/{log_id}")

    def data(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        answer = self.call(method, path, **body)
        assert answer.status_code < 300, answer.text
        data: dict[str, Any] = answer.json["data"]  # type: ignore[index]
        return data


def shopkeeper(
    runtime: Runtime, client: FlaskClient, conn: Connection, platform: str, url: str, credentials: dict[str, str]
) -> Shopkeeper:
    """A store that is connected to a fake platform."""
    made = create_store(conn, f"A {platform} shop", platform, url)
    assert set_credentials(conn, SECRET_KEY, made.store_id, credentials)
    return Shopkeeper(keyed(runtime), client, made.store_id, made.token)


@pytest.fixture
def keeper(runtime: Runtime, client: FlaskClient, conn: Connection, shop: FakeShopify | FakeTiktok) -> Shopkeeper:
    """Of a store that is connected to the `shop` of the test's own file."""
    platform = "shopify" if isinstance(shop, FakeShopify) else "tiktok"
    return shopkeeper(runtime, client, conn, platform, shop.url, shop.credentials)


def keyed(runtime: Runtime) -> Runtime:
    """A runtime that can read credentials."""
    return replace(runtime, settings=replace(runtime.settings, secret_key=SECRET_KEY))
