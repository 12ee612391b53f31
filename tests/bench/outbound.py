"""The outbound side: a whole catalogue to a slow shop, a minute of events, and orders back; calls are counted by the shop.

The shop is a process of its own, which answers after half a second, its own work included.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from uuid import UUID, uuid4

from db.core.tenancy import tenant
from db.outbound.brakes import set_brakes
from tests.bench.report import Row
from tests.bench.world import World
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, put_products
from workers.core.queues import connect
from workers.outbound.intake.event_sources import STREAM
from workers.outbound.intake.listener import Listener
from workers.outbound.runs import start_full
from workers.outbound.sending.push_store import PushOutcome, push_store
from workers.pulls.start import Wanted, start_pull
from workers.pulls.turn import Turn, pull
from workers.shops.opener import open_store_shop

ANSWER_SECONDS = 0.5
EVENTS_A_SECOND, EVENTS_AT_ONCE = 100, 10
AT_ONCE = 1000
ORDERS = 1000
WRITES, READS, ORDER_LISTS = "POST /products/batch", "GET /products", "GET /orders"


@dataclass(frozen=True)
class Sent:
    """One run over all products: calls that write, calls that read, and seconds."""

    writes: int
    reads: int
    seconds: float

    @property
    def shown(self) -> str:
        return f"{self.writes} calls, {self.reads} reads, {self.seconds:.1f} s"


@dataclass(frozen=True)
class OutboundFigures:
    """Seconds from the first claim to the last record; of events from their item to the shop's answer."""

    products: int
    create: Sent
    update: Sent
    unchanged: Sent
    takeover: Sent
    held: int
    events: int
    event_calls: int
    event_p95: float
    event_p100: float
    orders: int
    order_calls: int


@dataclass(frozen=True)
class ShopApart:
    """A fake shop in a process of its own."""

    url: str
    credentials: dict[str, str]
    pipe: Connection

    def calls(self, endpoint: str) -> int:
        """How many calls of that kind have come in."""
        self.pipe.send(endpoint)
        found: int = self.pipe.recv()
        return found


@contextmanager
def shop_apart() -> Iterator[ShopApart]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        url, credentials = ours.recv()
        yield ShopApart(url, credentials, ours)
    finally:
        ours.send(None)
        process.join(10)


def _serve(pipe: Connection) -> None:
    with FakeWooCommerce() as shop:
        shop.latency = ANSWER_SECONDS
        begin = datetime.now(UTC) - timedelta(minutes=ORDERS)
        for number in range(ORDERS):
            shop.add_order(begin + timedelta(minutes=number))
        pipe.send((shop.url, shop.credentials))
        while (endpoint := pipe.recv()) is not None:
            pipe.send(shop.calls[endpoint])


def rows(found: OutboundFigures) -> list[Row]:
    shop = f"a shop that answers after {ANSWER_SECONDS:g} s, four writes and four reads at once"
    calls = found.products // 100
    written = f"{found.products:,} products"
    return [
        Row(
            f"outbound: {written} created",
            found.create.shown,
            shop,
            "",
            f"{calls} calls, {calls} reads, 15 s",
        ),
        Row(
            f"outbound: {written} updated",
            found.update.shown,
            shop,
            "",
            f"{calls} calls, {calls} reads, 15 s",
        ),
        Row(
            f"outbound: {written} compared, none of which differs",
            found.unchanged.shown,
            shop,
            "",
            f"0 calls, {calls} reads",
        ),
        Row(
            f"outbound: {written} that the shop has already",
            f"{found.takeover.shown}, {found.held:,} held",
            shop,
            "",
            "all held, 30 s",
        ),
        Row(
            f"outbound: {found.events:,} price events, {EVENTS_A_SECOND} a second",
            f"{found.event_calls} calls, sent after p95 {found.event_p95:.1f} s, p100 {found.event_p100:.1f} s",
            shop,
            "",
            "p95 2 s, p100 120 s",
        ),
        Row(f"outbound: {found.orders:,} orders pulled", f"{found.order_calls} list calls", shop, "", "10 calls"),
    ]


def measure(world: World, products: int, event_seconds: float) -> OutboundFigures:
    catalogue = [make_erp_product() for _ in range(products)]
    with shop_apart() as shop:
        store_id = world.connect_store("woocommerce", shop.url, shop.credentials)
        for start in range(0, products, AT_ONCE):
            put_products(world.runtime, store_id, catalogue[start : start + AT_ONCE])
        created = _sent(world, shop, store_id)
        changed = [one | {"regular_price": "20.10"} for one in catalogue]  # all of them: brakes are off
        without_brakes(world, store_id)
        for start in range(0, products, AT_ONCE):
            put_products(world.runtime, store_id, changed[start : start + AT_ONCE])
        updated = _sent(world, shop, store_id)
        with world.runtime.pool.connection() as conn, tenant(conn, store_id):
            start_full(conn, store_id, "bench", force=False)
        unchanged = _sent(world, shop, store_id)
        taken_over, held = _taken_over(world, shop, catalogue)
        events = _events(world, shop, store_id, catalogue[:1000], event_seconds)
        pulled = _pulled(world, shop, store_id)
    sent, event_calls, p95, p100 = events
    return OutboundFigures(
        products, created, updated, unchanged, taken_over, held, sent, event_calls, p95, p100, *pulled
    )


def without_brakes(world: World, store_id: UUID) -> None:
    with world.runtime.pool.connection() as conn, tenant(conn, store_id):
        set_brakes(conn, store_id, {"enabled": False})


def _taken_over(world: World, shop: ShopApart, catalogue: list[dict[str, str]]) -> tuple[Sent, int]:
    """A second store meets the shop that the first one has filled: all products are there, and cost something else."""
    store_id = world.connect_store("woocommerce", shop.url, shop.credentials)
    theirs = [one | {"product_id": str(uuid4()), "regular_price": "21"} for one in catalogue]
    for start in range(0, len(theirs), AT_ONCE):
        put_products(world.runtime, store_id, theirs[start : start + AT_ONCE])
    sent = _sent(world, shop, store_id)
    with world.superuser() as root:
        row = root.execute(
            "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status = 'needs_approval'", (store_id,)
        ).fetchone()
    assert row is not None
    return sent, row[0]


def _sent(world: World, shop: ShopApart, store_id: UUID) -> Sent:
    writes, reads, began = shop.calls(WRITES), shop.calls(READS), time.monotonic()
    while push_store(world.runtime, store_id) is PushOutcome.MORE:
        pass
    seconds = time.monotonic() - began
    return Sent(shop.calls(WRITES) - writes, shop.calls(READS) - reads, seconds)


def _pulled(world: World, shop: ShopApart, store_id: UUID) -> tuple[int, int]:
    """All orders through the pull engine: how many were stored, and the list calls that it took."""
    before = shop.calls(ORDER_LISTS)
    with world.runtime.pool.connection() as conn, tenant(conn, store_id):
        log_id = start_pull(conn, store_id, "woocommerce", Wanted("orders", "incremental"), None).log_id
    while pull(world.runtime, store_id, log_id, open_store_shop) is Turn.YIELDED:
        pass
    with world.superuser() as root:
        stored = root.execute("SELECT count(*) FROM orders WHERE store_id = %s", (store_id,)).fetchone()
    assert stored is not None
    return stored[0], shop.calls(ORDER_LISTS) - before


def _events(
    world: World, shop: ShopApart, store_id: UUID, catalogue: list[dict[str, str]], seconds: float
) -> tuple[int, int, float, float]:
    """Prices change in the ERP, and each change is told on the stream: by as many events, at this pace."""
    before, stop, began = shop.calls(WRITES), threading.Event(), datetime.now(UTC)
    hands = [threading.Thread(target=hand, args=(world, store_id, stop)) for hand in (_listen, _push)]
    for hand in hands:
        hand.start()
    sent = _change_prices(world, store_id, catalogue, seconds)
    _wait_until_sent(world, store_id)
    stop.set()
    for hand in hands:
        hand.join()
    lags = _lags(world, store_id, began)
    return sent, shop.calls(WRITES) - before, lags[int(len(lags) * 0.95)], lags[-1]


def _change_prices(world: World, store_id: UUID, catalogue: list[dict[str, str]], seconds: float) -> int:
    """EVENTS_A_SECOND, ten products at a time; how many."""
    sent, began = 0, time.monotonic()
    with connect(world.redis_url, 5.0) as redis:
        while sent < EVENTS_A_SECOND * seconds:
            several = random.sample(catalogue, EVENTS_AT_ONCE)
            prices = [{"regular_price": f"{random.randint(1900, 2100) / 100:.2f}"} for _ in several]
            put_products(world.runtime, store_id, [one | price for one, price in zip(several, prices, strict=True)])
            for product in several:
                data = json.dumps({"storeId": str(store_id), "productId": product["product_id"]})
                redis.xadd(STREAM, {"event": "pricing.price_changed", "data": data})
            sent += len(several)
            time.sleep(max(0.0, began + sent / EVENTS_A_SECOND - time.monotonic()))
    return sent


def _listen(world: World, _store_id: UUID, stop: threading.Event) -> None:
    with connect(world.redis_url, 5.0) as redis:
        listener = Listener(world.runtime.pool, redis, world.runtime.wake_up)
        while not stop.is_set():
            listener.tick()
        listener.disconnect()


def _push(world: World, store_id: UUID, stop: threading.Event) -> None:
    """A worker that is woken at once."""
    while not stop.wait(0.02):
        push_store(world.runtime, store_id)


def _wait_until_sent(world: World, store_id: UUID) -> None:
    open_items = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status IN ('pending', 'syncing')"
    with world.superuser() as conn:
        deadline = time.monotonic() + 120
        while conn.execute(open_items, (store_id,)).fetchone() != (0,):
            if time.monotonic() > deadline:
                raise TimeoutError("events are still waiting")
            time.sleep(0.1)


def _lags(world: World, store_id: UUID, began: datetime) -> list[float]:
    query = """SELECT extract(epoch FROM completed_at - created_at)::float8 FROM wc_sync_items
                WHERE store_id = %s AND sync_type = 'price' AND status = 'completed' AND created_at >= %s
                ORDER BY 1"""
    with world.superuser() as conn:
        return [row[0] for row in conn.execute(query, (store_id, began)).fetchall()]
