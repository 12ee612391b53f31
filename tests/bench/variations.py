"""The outbound side with variations: products with five sizes each, created and repriced in a slow shop.

WooCommerce takes the variations of one product in a call, so the number of products sets the number of calls.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.bench.outbound import ANSWER_SECONDS, AT_ONCE, ShopApart, shop_apart, without_brakes
from tests.bench.report import Row
from tests.bench.world import World
from tests.support.outbound import make_erp_product, put_products
from workers.outbound.sending.push_store import PushOutcome, push_store

SIZES = ("S", "M", "L", "XL", "XXL")
WRITES = ("POST /products/batch", "POST /products/{id}/variations/batch")
READS = ("GET /products", "GET /variations", "GET /products/attributes")


@dataclass(frozen=True)
class Sent:
    """One run: calls that write products, calls that write variations, calls that read, and seconds."""

    products: int
    variations: int
    reads: int
    seconds: float

    @property
    def shown(self) -> str:
        return f"{self.products} + {self.variations} calls, {self.reads} reads, {self.seconds:.0f} s"


@dataclass(frozen=True)
class VariationFigures:
    """`failed`: items that ended without success."""

    parents: int
    create: Sent
    reprice: Sent
    failed: int


def measure(world: World, parents: int) -> VariationFigures:
    products = [make_erp_product(sku=f"P-{number}") for number in range(parents)]
    variations = [_variation(product, size) for product in products for size in SIZES]
    with shop_apart() as shop:
        store_id = world.connect_store("woocommerce", shop.url, shop.credentials)
        without_brakes(world, store_id)
        _put(world, store_id, [*products, *variations])
        create = _sent(world, shop, store_id)
        _put(world, store_id, [one | {"regular_price": "20.10"} for one in variations])
        reprice = _sent(world, shop, store_id)
    with world.superuser() as root:
        query = "SELECT count(*) FROM wc_sync_items WHERE store_id = %s AND status <> 'completed'"
        row = root.execute(query, (store_id,)).fetchone()
    assert row is not None
    return VariationFigures(parents, create, reprice, row[0])


def _variation(product: dict[str, Any], size: str) -> dict[str, Any]:
    named = {"parent_id": product["product_id"], "attributes": {"Size": size}}
    return make_erp_product(sku=f"{product['sku']}-{size}", **named)


def _put(world: World, store_id: UUID, products: list[dict[str, Any]]) -> None:
    for start in range(0, len(products), AT_ONCE):
        put_products(world.runtime, store_id, products[start : start + AT_ONCE])


def _sent(world: World, shop: ShopApart, store_id: UUID) -> Sent:
    before, began = _calls(shop), time.monotonic()
    while push_store(world.runtime, store_id) is PushOutcome.MORE or _waits(world, store_id):
        time.sleep(0.05)
    products, variations, reads = (now - then for now, then in zip(_calls(shop), before, strict=True))
    return Sent(products, variations, reads, time.monotonic() - began)


def _waits(world: World, store_id: UUID) -> bool:
    query = "SELECT EXISTS (SELECT FROM wc_sync_items WHERE store_id = %s AND status IN ('pending', 'syncing'))"
    with world.superuser() as root:
        row = root.execute(query, (store_id,)).fetchone()
    return row == (True,)


def _calls(shop: ShopApart) -> tuple[int, int, int]:
    products, variations = (shop.calls(endpoint) for endpoint in WRITES)
    return products, variations, sum(shop.calls(endpoint) for endpoint in READS)


def rows(found: VariationFigures) -> list[Row]:
    shop = f"a shop that answers after {ANSWER_SECONDS:g} s, four writes and four reads at once"
    count = found.parents * len(SIZES)
    floor = found.parents * ANSWER_SECONDS / 4
    what = f"{count:,} variations of {found.parents:,} products"
    asked = f"{found.parents:,} calls for the variations, {floor:.0f} s"
    failed = f"; {found.failed} not completed" if found.failed else ""
    return [
        Row(f"outbound: {what} created", found.create.shown + failed, shop, "", asked),
        Row(f"outbound: {what} repriced", found.reprice.shown, shop, "", asked),
    ]
