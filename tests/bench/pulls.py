"""Pulls of whole shops: how many calls they take, how long beside the platform's own time, and whether memory stays flat.

Worker and fake platform share one process, so that each call can be seen; where the ratio is measured the platform answers
slowly, and most of its time is waiting.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from db.tenancy import tenant
from tests.bench.world import World
from tests.fakes.server import Call, FakeServer, Reply
from tests.fakes.shopify import FIRST_ORDER as FIRST_SHOPIFY
from tests.fakes.shopify import FakeShopify
from tests.fakes.tiktok import FakeTiktok
from tests.fakes.tiktok_records import FIRST_ORDER as FIRST_TIKTOK
from workers.inbound.pull import Turn, pull
from workers.inbound.pull_start import Wanted, start_pull
from workers.inbound.shop_access import open_store_shop

SLOW_PAGES = 40
ANSWER_SECONDS = 0.5  # a standard Shopify shop lets itself be asked twice a second


@dataclass(frozen=True)
class PullFigures:
    """One run. `pages`: calls for pages. `ratio`: its time to the sum of the platform's answer times."""

    name: str
    pages: int
    seconds: float
    ratio: float
    grown_kib: int


@dataclass
class Watch:
    """Counts a fake's answers, and the time that they took."""

    server: FakeServer
    seconds: float = 0.0
    pages: int = 0
    after_fifty: int = 0  # KiB that the process had used at most by then

    def answer(self, call: Call, inner: Callable[[Call], Reply]) -> Reply:
        began = time.perf_counter()
        reply = inner(call)
        self.seconds += time.perf_counter() - began + self.server.latency
        if "count" not in call.path:
            self.pages += 1
            self.after_fifty = self.after_fifty or (most_kib() if self.pages == 50 else 0)
        return reply


def most_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def watched(server: FakeServer) -> Iterator[Watch]:
    watch, inner = Watch(server), server.answer
    server.answer = lambda call: watch.answer(call, inner)
    yield watch
    server.answer = inner


def measure(world: World, shopify_orders: int, tiktok_orders: int) -> list[PullFigures]:
    """The figures of both platforms, then of one that answers slowly."""
    return [*_shopify(world, shopify_orders), *_tiktok(world, tiktok_orders), _slow(world)]


def _shopify(world: World, orders: int) -> Iterator[PullFigures]:
    with FakeShopify(orders=orders, bucket=(1_000_000, 1_000_000.0)) as fake:
        store_id = world.connect_store("shopify", fake.url, fake.credentials)
        populate = Wanted("orders", "populate")
        yield _run(world, store_id, "shopify", f"Shopify, populate of {orders:,}", fake.server, populate)
        for _ in range(100):
            fake.add()
        yield _run(world, store_id, "shopify", "Shopify, populate again, 100 new", fake.server, populate)
        for number in range(100):
            fake.edit(FIRST_SHOPIFY + number)
        update = Wanted("orders", "update", stale_after_mins=60)
        yield _run(world, store_id, "shopify", "Shopify, update, 100 changed", fake.server, update)


def _tiktok(world: World, orders: int) -> Iterator[PullFigures]:
    with FakeTiktok(orders=orders, step=60) as fake:
        store_id = world.connect_store("tiktok", fake.url, fake.credentials)
        incremental = Wanted("orders", "incremental")
        yield _run(world, store_id, "tiktok", f"TikTok Shop, {orders:,} in full", fake.server, incremental)
        for number in range(50):
            fake.edit(FIRST_TIKTOK + number)
        yield _run(world, store_id, "tiktok", "TikTok Shop, incremental, 50 changed", fake.server, incremental)


def _slow(world: World) -> PullFigures:
    with FakeShopify(orders=SLOW_PAGES * 250, bucket=(1_000_000, 1_000_000.0)) as fake:
        fake.server.latency = ANSWER_SECONDS
        store_id = world.connect_store("shopify", fake.url, fake.credentials)
        name = f"{SLOW_PAGES} pages of {ANSWER_SECONDS:g} s each"
        return _run(world, store_id, "shopify", name, fake.server, Wanted("orders", "upsert"))


def _run(world: World, store_id: UUID, platform: str, name: str, server: FakeServer, wanted: Wanted) -> PullFigures:
    runtime = world.runtime
    with watched(server) as watch:
        began = time.perf_counter()
        with runtime.pool.connection() as conn, tenant(conn, store_id):
            ticket = start_pull(conn, store_id, "shopify" if platform == "shopify" else "tiktok", wanted, None)
        outcome = Turn.YIELDED
        while outcome is Turn.YIELDED:
            outcome = pull(runtime, store_id, ticket.log_id, open_store_shop)
        seconds = time.perf_counter() - began
    assert outcome is Turn.COMPLETED
    grown = most_kib() - watch.after_fifty if watch.after_fifty else 0
    return PullFigures(name, watch.pages, seconds, seconds / watch.seconds, grown)
