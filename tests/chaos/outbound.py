"""Sending under faults: an ERP that changes without end, a shop that stumbles, and in the end the one compared with the other.

The truth is what the ERP was answered 200 for, and what the fake shop holds; nothing of the product is asked but its items.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
from redis.exceptions import RedisError

from tests.fakes.woocommerce import FakeWooCommerce, Fault
from tests.support.stack import Shop, Stack
from tests.support.waiting import wait_until

COUNT = 400
WRITES = "POST /products/batch"
ANSWER_SECONDS = 0.15  # after the work: the time in which a worker is killed between the call and its record
DOWN = ("drop", "maintenance", "error_page")  # the whole shop is away
STUMBLES = ("rate_limit", "html", "database_down", "php_warning", "drop", "lost_answer", "crash")
EVENTS = ("pricing.price_changed", "inventory.stock_changed", "product.updated")
END_SECONDS = 150.0
OPEN = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status NOT IN ('completed', 'failed', 'superseded')"
FAILED = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"
MAPPED = "SELECT internal_product_id::text, wc_product_id FROM wc_product_sync_mappings WHERE store_id = %s"
SETTINGS = """UPDATE stores SET settings = settings || '{"brakes": {"enabled": false}, "drift": {"stock": "repair"}}'
               WHERE id = %s"""
CHECKING = "SELECT count(*) FROM wc_drift_checks WHERE store_id = %s AND due_at IS NOT NULL"

Product = dict[str, Any]


@dataclass
class SentShop:
    """A fake shop, the store that keeps it in step, what the ERP has, and what was seen to go wrong."""

    fake: FakeWooCommerce
    shop: Shop
    erp: dict[str, Product] = field(default_factory=dict)
    told: int = 0
    edits: int = 0
    version: int = 0
    wrong: list[str] = field(default_factory=list)

    def change(self, stop: threading.Event, draw: random.Random) -> None:
        """Products come and change; a batch that got no answer is told again until it gets one."""
        while not stop.is_set():
            changed = [self._changed(draw) for _ in range(draw.randint(1, 25))]
            if not self._tell(changed):
                return
            self.erp |= {one["product_id"]: one for one in changed}
            self._say(draw.choice(changed), draw)
            time.sleep(draw.uniform(0.05, 0.5))

    def _changed(self, draw: random.Random) -> Product:
        """One product anew, with a mark in each part, so that each version can be told from every other."""
        self.version += 1
        number = draw.randint(1, COUNT)
        return {
            "product_id": str(UUID(int=number)),
            "sku": f"CHAOS-{number}",
            "name": f"n{self.version}",
            "regular_price": f"{draw.randint(100, 10_000) / 100:.2f}",
            "stock_quantity": draw.randint(0, 50),
            "version": self.version,
        }

    def _tell(self, products: list[Product]) -> bool:
        body = json.dumps({"products": products}).encode()
        while True:
            answer = self._call("PUT", "/api/v1/erp/products", body)
            if answer is not None and answer.status_code == 200:
                self.told += len(products)
                return True
            if answer is not None and answer.status_code not in (429, 503):
                self.wrong.append(f"erp: {answer.status_code} {answer.text}")
                return False
            time.sleep(0.2)

    def _say(self, product: Product, draw: random.Random) -> None:
        """Events that ask for what is known already, by each way in; they may be lost, and cost nothing."""
        name = draw.choice(EVENTS)
        data = {"storeId": str(self.shop.id), "productId": product["product_id"]}
        way = draw.choice(("http", "stream", "pubsub"))
        try:
            if way == "stream":
                self.shop.stack.redis.xadd("sluice:events", {"event": name, "data": json.dumps(data)})
            elif way == "pubsub":
                self.shop.stack.redis.publish(name, json.dumps(data))
            else:
                events = [{"event": name, "productId": product["product_id"]}]
                self._call("POST", "/api/v1/woocommerce/events", json.dumps({"events": events}).encode())
        except RedisError:
            return

    def _call(self, method: str, path: str, body: bytes = b"") -> httpx.Response | None:
        try:
            return self.shop.call(method, path, body)
        except httpx.TransportError:
            return None

    def edit(self, stop: threading.Event, draw: random.Random) -> None:
        """A hand changes products in the shop, which sells meanwhile."""
        while not stop.wait(draw.uniform(0.2, 1)):
            with self.fake.state.lock:
                standing = list(self.fake.state.products.values())
                if not standing:
                    continue
                product = draw.choice(standing)
                change = draw.choice(
                    ({"name": "by hand"}, {"regular_price": "777"}, {"stock_quantity": draw.randint(0, 50)})
                )
                dates = self.fake.state.dates("date_modified", self.fake.state.now())
                self.fake.state.products[product["id"]] = product | change | dates
                self.edits += 1

    def stumble(self, stop: threading.Event, draw: random.Random) -> None:
        """The shop fails a call now and then, and is away altogether for some seconds."""
        while not stop.wait(draw.uniform(1, 4)):
            if draw.random() < 0.15:
                self.fake.faults.add(Fault(draw.choice(DOWN), times=None, seconds=1))
                stop.wait(draw.uniform(1, 6))
                self.fake.faults.clear()
            else:
                self.fake.faults.add(Fault(draw.choice(STUMBLES), times=draw.randint(1, 2), seconds=1))
        self.fake.faults.clear()


def connect(stack: Stack, fake: FakeWooCommerce) -> SentShop:
    """Its brakes are off: an ERP as wild as this would be held. Whatever a hand changes in the shop is repaired."""
    fake.latency = ANSWER_SECONDS
    shop = stack.connect_store("woocommerce", fake.url, fake.credentials, "admin")
    stack.sql(SETTINGS, shop.id)
    return SentShop(fake, shop)


def judge(sent: SentShop) -> list[str]:
    """What is wrong once the faults are over, all that waits has gone out, and what failed was tried again."""
    sent.fake.faults.clear()
    stack, shop = sent.shop.stack, sent.shop
    for _ in range(2):  # a failed product may have been deleted from its mapping, and is made anew by the second
        wait_until(lambda: stack.one(OPEN, shop.id) == 0, END_SECONDS, "a verdict on every item")
        if stack.one(FAILED, shop.id):
            answer = shop.call("POST", "/api/v1/woocommerce/sync/retry")
            sent.wrong += [] if answer.status_code == 200 else [f"retry: {answer.status_code} {answer.text}"]
    answer = shop.call("POST", "/api/v1/woocommerce/drift/check?whole=true")
    sent.wrong += [] if answer.status_code == 202 else [f"drift: {answer.status_code} {answer.text}"]
    wait_until(lambda: stack.one(CHECKING, shop.id) == 0, END_SECONDS, "the check of all products")
    wait_until(lambda: stack.one(OPEN, shop.id) == 0, END_SECONDS, "a verdict on every repair")
    sent.wrong += [] if sent.edits else ["nobody changed a product in the shop"]
    failed = stack.one(FAILED, shop.id)
    open_items = [f"{failed} items still fail though nothing is wrong any more"] if failed else []
    return [*sent.wrong, *open_items, *_differences(sent), *_wrong_mappings(sent)]


def _differences(sent: SentShop) -> list[str]:
    """The shop against the ERP, product by product."""
    standing = list(sent.fake.state.products.values())
    twice = [f"{sku} is in the shop {times} times" for sku, times in _skus(standing).items() if times > 1]
    found = {one["sku"]: _shown(one["name"], one["regular_price"], one["stock_quantity"]) for one in standing}
    must = {one["sku"]: _shown(one["name"], one["regular_price"], one["stock_quantity"]) for one in sent.erp.values()}
    different = [f"sent product {sku}: is {found.get(sku)}, must be {must.get(sku)}"
                 for sku in sorted(must.keys() | found.keys()) if found.get(sku) != must.get(sku)]  # fmt: skip
    return twice + different


def _skus(standing: list[Product]) -> Counter[str]:
    return Counter(one["sku"].strip().casefold() for one in standing)


def _shown(name: str, price: str, stock: int) -> tuple[str, float, int]:
    return name, float(price), stock


def _wrong_mappings(sent: SentShop) -> list[str]:
    mapped = dict(sent.shop.stack.sql(MAPPED, sent.shop.id))
    ids = {one["sku"]: wc_id for wc_id, one in sent.fake.state.products.items()}
    must = {product_id: ids.get(one["sku"]) for product_id, one in sent.erp.items()}
    return [f"mapping of {key}: is {mapped.get(key)}, must be {must.get(key)}"
            for key in mapped.keys() | must.keys() if mapped.get(key) != must.get(key)]  # fmt: skip
