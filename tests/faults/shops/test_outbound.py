"""Outbound in real processes: workers killed at any moment of a full sync, and ten workers at once."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from app.usecases.stores import create_store, set_credentials
from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.outbound import make_erp_product
from tests.support.stack import Shop, Stack, running_stack
from tests.support.waiting import wait_until
from workers.core.queues import enqueue_push, push_mark

pytestmark = pytest.mark.slow

KEY = "a key for tests that is long enough"
WRITES = "POST /products/batch"
WORKERS = 10  # the specification's real-time workers
AT_ONCE = 2500
OPEN = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status NOT IN ('completed', 'failed', 'superseded')"
VERDICTS = "SELECT status, count(*) FROM wc_sync_items WHERE store_id = %s GROUP BY status"
MAPPED = """SELECT e.sku, m.wc_product_id FROM wc_product_sync_mappings m
              JOIN erp_products e ON e.store_id = m.store_id AND e.product_id = m.internal_product_id
             WHERE m.store_id = %s"""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(PUSH_WORKERS="2", SECRET_KEY=KEY) as running:
        yield running


@pytest.fixture
def fake() -> Iterator[FakeWooCommerce]:
    """Delay each answer after the work is done, so that a worker can be killed in between."""
    with FakeWooCommerce() as fake:
        fake.latency = 0.2
        yield fake


@pytest.fixture
def shop(stack: Stack, fake: FakeWooCommerce) -> Shop:
    return connected(stack, fake)


def connected(stack: Stack, fake: FakeWooCommerce) -> Shop:
    """A store connected to the fake shop, and a client of its admin."""
    with psycopg.connect(stack.postgres.app_url(), autocommit=True) as conn:
        made = create_store(conn, "Kept in step", "woocommerce", fake.url, "admin")
        set_credentials(conn, KEY, made.store_id, fake.credentials)
    return Shop(stack, made.store_id, made.token)


def tell(shop: Shop, products: Sequence[dict[str, Any]]) -> None:
    """The ERP's products."""
    for start in range(0, len(products), AT_ONCE):
        body = json.dumps({"products": products[start : start + AT_ONCE]}).encode()
        answer = shop.call("PUT", "/api/v1/erp/products", body)
        assert answer.status_code == 200, answer.text


def wake_all(shop: Shop) -> None:
    """Wake up every worker, though one is enough."""
    for _ in range(WORKERS):
        shop.stack.redis.delete(push_mark(shop.id))
        enqueue_push(shop.stack.redis, shop.id)


def kill_somewhere(shop: Shop, fake: FakeWooCommerce, draw: random.Random, most: int = 8) -> None:
    """Kill all push workers after at most so many more writes, at any moment of a call or the saving of its result."""
    goal = fake.calls[WRITES] + draw.randint(1, most)
    wait_until(lambda: fake.calls[WRITES] >= goal, 60.0, f"call {goal}")
    time.sleep(draw.uniform(0, 0.3))
    assert shop.stack.kill("pusher", signal.SIGKILL)


def assert_in_step(shop: Shop, fake: FakeWooCommerce, products: Sequence[dict[str, Any]]) -> None:
    """Check that each product is in the shop once, equals the ERP's, and is mapped, and that each item has ended."""
    wait_until(lambda: shop.stack.one(OPEN, shop.id) == 0, 180.0, "a verdict on every item")
    assert "failed" not in dict(shop.stack.sql(VERDICTS, shop.id))
    standing = fake.state.products
    assert Counter(one["sku"] for one in standing.values()) == Counter(one["sku"] for one in products)
    prices = {one["sku"]: float(one["regular_price"]) for one in standing.values()}
    assert prices == {one["sku"]: float(one["regular_price"]) for one in products}
    mapped = dict(shop.stack.sql(MAPPED, shop.id))
    assert mapped == {one["sku"]: wc_id for wc_id, one in standing.items()}


@pytest.mark.parametrize(("count", "kills"), [(1_000, 2), (10_000, 8)])
def test_a_killed_full_sync_reaches_the_same_shop(shop: Shop, fake: FakeWooCommerce, count: int, kills: int) -> None:
    draw = random.Random(count)
    products = [make_erp_product() for _ in range(count)]
    tell(shop, products)
    for _ in range(kills):
        kill_somewhere(shop, fake, draw, most=count // 100 // kills)  # what the shop has already is not written again
    assert_in_step(shop, fake, products)


def test_a_killed_forced_sync_changes_nothing(shop: Shop, fake: FakeWooCommerce) -> None:
    draw = random.Random(3)
    products = [make_erp_product() for _ in range(1_500)]
    tell(shop, products)
    assert_in_step(shop, fake, products)
    before = {wc_id: one["regular_price"] for wc_id, one in fake.state.products.items()}
    answer = shop.call("POST", "/api/v1/woocommerce/sync/all", b'{"force": true}')
    assert answer.json()["data"]["totalProducts"] == len(products)
    kill_somewhere(shop, fake, draw)
    assert_in_step(shop, fake, products)
    assert {wc_id: one["regular_price"] for wc_id, one in fake.state.products.items()} == before


def test_a_shop_answering_after_31_s_gets_products_once(shop: Shop, fake: FakeWooCommerce) -> None:
    """Calls time out after 30 s; the shop has created the products, and the next attempt finds them."""
    products = [make_erp_product() for _ in range(30)]
    fake.faults.add(Fault("hang", WRITES, seconds=31))
    tell(shop, products)
    assert_in_step(shop, fake, products)
    assert fake.calls["GET /products"] >= 1
    waited = "SELECT min(platform_seconds), max(attempts) FROM wc_sync_items WHERE store_id = %s"
    ((seconds, attempts),) = shop.stack.sql(waited, shop.id)
    assert 30 <= seconds < 31 and attempts == 1  # before its deadline an item spends none on the shop's trouble


@pytest.mark.parametrize(("kind", "asked"), [("bad_gateway", -1.0), ("maintenance", 600.0)])
def test_a_shop_down_for_six_seconds_fails_no_item(shop: Shop, fake: FakeWooCommerce, kind: str, asked: float) -> None:
    """Prices keep their deadline of two minutes, though the shop asks for ten minutes of maintenance."""
    products = [make_erp_product() for _ in range(300)]
    tell(shop, products)
    assert_in_step(shop, fake, products)
    fake.faults.add(Fault(kind, times=None, seconds=asked))
    up_again = threading.Timer(6.0, fake.faults.clear)
    up_again.start()
    changed = [one | {"regular_price": "21.50"} for one in products[:60]]  # not so many that brakes hold them
    tell(shop, changed)
    assert_in_step(shop, fake, [*changed, *products[60:]])
    up_again.join()
    late = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND (breach IS NOT NULL OR attempts > 1)"
    assert shop.stack.one(late, shop.id) == 0


def test_long_syncs_yield_to_another_store(stack: Stack, shop: Shop, fake: FakeWooCommerce) -> None:
    """Both workers run long syncs; a third store's product does not wait for their end."""
    fake.latency = 1.0
    long = [shop, connected(stack, fake)]
    for one in long:
        tell(one, [make_erp_product() for _ in range(4_000)])
    wait_until(lambda: fake.calls[WRITES] >= 5, 30.0, "both to be under way")
    with FakeWooCommerce() as quick_fake:
        quick = connected(stack, quick_fake)
        products = [make_erp_product()]
        tell(quick, products)
        assert_in_step(quick, quick_fake, products)
    assert all(stack.one(OPEN, one.id) for one in long)
    for one in long:
        wait_until(lambda one=one: not stack.one(OPEN, one.id), 120.0, "the long one")  # type: ignore[misc]


def test_ten_workers_send_no_item_twice(fake: FakeWooCommerce) -> None:
    """All workers are woken while one sends; each product is written by exactly one call."""
    products = [make_erp_product() for _ in range(3_000)]
    with running_stack(PUSH_WORKERS=str(WORKERS), SECRET_KEY=KEY) as stack:
        shop = connected(stack, fake)
        tell(shop, products)
        while stack.one(OPEN, shop.id):
            wake_all(shop)
            time.sleep(0.05)
        assert len(stack.pids("pusher")) == WORKERS
        assert_in_step(shop, fake, products)
        assert stack.one("SELECT max(attempts) FROM wc_sync_items WHERE store_id = %s", shop.id) == 1
    assert fake.calls[WRITES] == len(products) // 100
