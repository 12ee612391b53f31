"""Pulls of whole shops: how many calls they take, how long beside the platform's own time, and whether memory stays flat.

Worker and fake platform share one process, so that each call can be seen; where the ratio is measured the platform answers
slowly, and most of its time is waiting. What must hold is checked as it is measured: no figure is of a pull that missed
something.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from db.core.tenancy import tenant
from tests.bench.report import Row
from tests.bench.world import World
from tests.fakes.common.server import Call, FakeServer, Reply
from tests.fakes.shopify.shop import FIRST_ORDER as FIRST_SHOPIFY
from tests.fakes.shopify.shop import FakeShopify
from tests.fakes.tiktok.records import FIRST_ORDER as FIRST_TIKTOK
from tests.fakes.tiktok.shop import FakeTiktok
from workers.pulls.start import Wanted, start_pull
from workers.pulls.turn import Turn, pull
from workers.shops.opener import open_store_shop

SLOW_PAGES = 40
MOST_SLOW_RUNS = 3  # of which the median counts
WITHOUT_LIMIT = (1_000_000, 1_000_000.0)
ANSWER_SECONDS = 0.5  # a standard Shopify shop lets itself be asked twice a second


Tell = Callable[[int], None]


@dataclass(frozen=True)
class PullFigures:
    """One run. `pages`: calls for pages. `ratio`: its time to the sum of the platform's answer times.

    `cpu_ms`: processor time for each page, the fake platform's share included.
    """

    name: str
    pages: int
    seconds: float
    ratio: float
    cpu_ms: float
    grown_kib: int
    asked: str = ""


def row(found: PullFigures) -> Row:
    """A line of the table; memory can only be told of a run that goes on after fifty pages."""
    grown = f", {found.grown_kib / 1024:.1f} MiB more after page 50" if found.pages > 50 else ""
    measured = f"{found.pages} calls, {found.seconds:.1f} s, {found.cpu_ms:.0f} ms CPU each{grown}"
    return Row(f"pull: {found.name}", measured, "answers", f"{found.ratio:.2f}", found.asked)


@dataclass
class Watch:
    """Counts a fake's answers, and the time that they took."""

    server: FakeServer
    tell: Tell
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
            self.tell(self.pages)
        return reply


def most_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def watched(server: FakeServer, tell: Tell) -> Iterator[Watch]:
    watch, inner = Watch(server, tell), server.answer
    server.answer = lambda call: watch.answer(call, inner)
    yield watch
    server.answer = inner


@dataclass
class Bench:
    """One platform's shop, connected to a store. `say` shows how far a pull has come."""

    world: World
    fake: FakeShopify | FakeTiktok
    platform: str
    say: Callable[[str], None]
    store_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.store_id = self.world.connect_store(self.platform, self.fake.url, self.fake.credentials)

    def run(self, name: str, wanted: Wanted, asked: str) -> PullFigures:
        """The figures of one run, whose rows are then counted: a pull that misses some is not measured, it fails."""
        runtime = self.world.runtime
        with watched(self.fake.server, lambda pages: self.say(f"pull: {name}, {pages} calls")) as watch:
            began, worked = time.perf_counter(), time.process_time()
            with runtime.pool.connection() as conn, tenant(conn, self.store_id):
                ticket = start_pull(conn, self.store_id, self.platform, wanted, None)
            outcome = Turn.YIELDED
            while outcome is Turn.YIELDED:
                outcome = pull(runtime, self.store_id, ticket.log_id, open_store_shop)
            seconds, worked = time.perf_counter() - began, time.process_time() - worked
        stored = self._stored()
        if outcome is not Turn.COMPLETED or stored != len(self.fake.tables["orders"]):
            raise RuntimeError(f"{name}: {outcome.value}, {stored} of {len(self.fake.tables['orders'])} orders")
        grown = most_kib() - watch.after_fifty if watch.after_fifty else 0
        each = 1000 * worked / watch.pages
        return PullFigures(name, watch.pages, seconds, seconds / watch.seconds, each, grown, asked)

    def _stored(self) -> int:
        with self.world.superuser() as conn:
            row = conn.execute("SELECT count(*) FROM orders WHERE store_id = %s", (self.store_id,)).fetchone()
        return row[0] if row else 0


def measure(
    world: World, shopify_orders: int, tiktok_orders: int, runs: int, say: Callable[[str], None]
) -> list[PullFigures]:
    """The figures of both platforms, then of one that answers slowly."""
    return [
        *_shopify(world, shopify_orders, say),
        *_tiktok(world, tiktok_orders, say),
        _median([_slow(world, say) for _ in range(min(runs, MOST_SLOW_RUNS))]),
    ]


def _shopify(world: World, orders: int, say: Callable[[str], None]) -> Iterator[PullFigures]:
    with FakeShopify(orders=orders, bucket=WITHOUT_LIMIT) as fake:
        bench, populate = Bench(world, fake, "shopify", say), Wanted("orders", "populate")
        yield bench.run(f"Shopify, populate of {orders:,}", populate, f"{-(-orders // 250)} calls")
        for _ in range(100):
            fake.add()
        yield bench.run("Shopify, populate again, 100 new", populate, "≤ 10 calls")
        for number in range(100):
            fake.edit(FIRST_SHOPIFY + number)
        update = Wanted("orders", "update", stale_after_mins=60)
        yield bench.run("Shopify, update, 100 changed", update, "≤ 5 calls")


def _tiktok(world: World, orders: int, say: Callable[[str], None]) -> Iterator[PullFigures]:
    with FakeTiktok(orders=orders, step=60) as fake:
        bench, incremental = Bench(world, fake, "tiktok", say), Wanted("orders", "incremental")
        yield bench.run(f"TikTok Shop, {orders:,} in full", incremental, f"{-(-orders // 100)} calls")
        for number in range(50):
            fake.edit(FIRST_TIKTOK + number)
        yield bench.run("TikTok Shop, incremental, 50 changed", incremental, "≤ 3 calls, < 3 s")


def _slow(world: World, say: Callable[[str], None]) -> PullFigures:
    with FakeShopify(orders=SLOW_PAGES * 250, bucket=WITHOUT_LIMIT) as fake:
        fake.server.latency = ANSWER_SECONDS
        name = f"{SLOW_PAGES} pages of {ANSWER_SECONDS:g} s each"
        return Bench(world, fake, "shopify", say).run(name, Wanted("orders", "upsert"), "≤ 1.15")


def _median(found: list[PullFigures]) -> PullFigures:
    return sorted(found, key=lambda figures: figures.ratio)[len(found) // 2]
