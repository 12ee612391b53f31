"""Variations of Shopify and TikTok Shop: pulled with their products' lists, and linked to products and to lines of orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from tests.fakes.shopify.shop import FIRST_PRODUCT, FakeShopify
from tests.fakes.tiktok.shop import FakeTiktok
from tests.support.pulls import Shopkeeper, shopkeeper
from workers.core.runtime import Runtime

START = "/api/shopify/sync/jobs/start"
TIKTOK = "/api/tiktok/sync"
LINKED = (
    """SELECT count(*), count(product_id), count(DISTINCT external_id) FROM variations WHERE store_id = %(store)s"""
)
ATTRIBUTES = "SELECT DISTINCT name, option FROM variation_attributes WHERE store_id = %(store)s"
LINES = """SELECT count(*) > 0, bool_and((variation_id IS NOT NULL) = EXISTS (
                  SELECT FROM variations v WHERE v.store_id = i.store_id AND v.external_id = i.variation_external_id))
             FROM order_items i WHERE store_id = %(store)s AND kind = 'product'"""


@pytest.fixture
def shopify(runtime: Runtime, client: FlaskClient, conn: Connection) -> Iterator[tuple[Shopkeeper, FakeShopify]]:
    with FakeShopify(orders=60, products=120, bucket=(1000, 1000.0)) as shop:
        yield shopkeeper(runtime, client, conn, "shopify", shop.url, shop.credentials), shop


@pytest.fixture
def tiktok(runtime: Runtime, client: FlaskClient, conn: Connection) -> Iterator[tuple[Shopkeeper, FakeTiktok]]:
    with FakeTiktok(orders=60, products=120) as shop:
        yield shopkeeper(runtime, client, conn, "tiktok", shop.url, shop.credentials), shop


def rows(root_conn: Connection, keeper: Shopkeeper, query: str) -> list[tuple[Any, ...]]:
    return root_conn.execute(query.encode(), {"store": keeper.store_id}).fetchall()


def variant(key: int, **fields: Any) -> dict[str, Any]:
    return {"id": key, "sku": f"V-{key}", "price": "5.00", "updated_at": "2026-02-01T00:00:00Z", **fields}


def test_shopifys_variants_come_with_their_options(
    shopify: tuple[Shopkeeper, FakeShopify], root_conn: Connection
) -> None:
    keeper, shop = shopify
    many = [variant(50_000_000 + number, option1="S", option2=None) for number in range(100)]
    shop.edit(FIRST_PRODUCT, "products", variants=many, options=[{"name": "Size"}, {"name": "Colour"}])
    keeper.run(START, jobType="orders", syncMode="populate")
    job = keeper.run(START, jobType="variations", syncMode="populate")
    assert job["counts"]["inserted"] == 219
    assert shop.server.calls["/admin/api/2026-07/products.json"] == 3
    assert rows(root_conn, keeper, LINKED) == [(219, 0, 219)]
    assert set(rows(root_conn, keeper, ATTRIBUTES)) == {("Size", "M"), ("Size", "S"), ("Colour", None)}
    keeper.run(START, jobType="products", syncMode="populate")
    assert rows(root_conn, keeper, LINKED) == [(219, 219, 219)]
    assert rows(root_conn, keeper, LINES) == [(True, True)]


def test_a_populate_reads_all_products_again(shopify: tuple[Shopkeeper, FakeShopify]) -> None:
    keeper, shop = shopify
    keeper.run(START, jobType="variations", syncMode="populate")
    shop.edit(FIRST_PRODUCT, "products", variants=[variant(7)])
    job = keeper.run(START, jobType="variations", syncMode="populate")
    assert (job["counts"]["inserted"], job["counts"]["existing"]) == (1, 119)


def test_tiktoks_skus_come_with_their_attributes(tiktok: tuple[Shopkeeper, FakeTiktok], root_conn: Connection) -> None:
    keeper, _shop = tiktok
    job = keeper.run(f"{TIKTOK}/variations")
    assert job["counts"]["inserted"] == 120
    assert rows(root_conn, keeper, ATTRIBUTES) == [("Colour", "red")]
    keeper.run(f"{TIKTOK}/orders")
    keeper.run(f"{TIKTOK}/products")
    assert rows(root_conn, keeper, LINKED) == [(120, 120, 120)]
    assert rows(root_conn, keeper, LINES) == [(True, True)]


def test_a_changed_sku_is_read_by_the_next_pull(tiktok: tuple[Shopkeeper, FakeTiktok], root_conn: Connection) -> None:
    keeper, shop = tiktok
    keeper.run(f"{TIKTOK}/variations")
    key = shop.tables["products"].ids[5]
    skus = [{**shop.tables["products"].get(key)["skus"][0], "inventory": [{"quantity": 77}]}]
    shop.edit(key, "products", skus=skus)
    assert keeper.run(f"{TIKTOK}/variations")["counts"]["updated"] == 1
    stock = "SELECT count(*) FROM variations WHERE store_id = %(store)s AND stock_quantity = 77"
    assert rows(root_conn, keeper, stock) == [(1,)]
