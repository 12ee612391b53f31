"""From the ERP's catalogue to the shop: what is sent, in how many calls, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fakes.woocommerce import FakeWooCommerce
from tests.outbound import ask, connect_shop, make_erp_product, push, put_products, statuses, with_key
from workers.outbound.drain import Outcome
from workers.runtime import Runtime


@pytest.fixture
def shop() -> Iterator[FakeWooCommerce]:
    with FakeWooCommerce() as fake:
        yield fake


@pytest.fixture
def pushing(
    runtime: Runtime, conn: Connection, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> Runtime:
    connect_shop(conn, root_conn, store_id, shop)
    return with_key(runtime)


def test_new_products_go_out_together(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    products = [make_erp_product() for _ in range(250)]
    put_products(pushing, store_id, products)
    assert push(pushing, store_id) is Outcome.DRAINED
    assert shop.calls == {"POST /products/batch": 3}
    assert statuses(root_conn, store_id) == {"completed": 250}
    for product in products:
        made = shop.product_of(product["sku"])
        assert made is not None and (made["regular_price"], made["stock_quantity"]) == ("19.9", 7)


def test_an_unchanged_product_is_not_sent(
    pushing: Runtime, root_conn: Connection, store_id: UUID, shop: FakeWooCommerce
) -> None:
    product = make_erp_product()
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    for sync_type in ("price", "stock", "product", "category", "image"):
        ask(pushing, store_id, product["product_id"], sync_type)
    push(pushing, store_id)
    assert shop.calls == {"POST /products/batch": 1}
    assert statuses(root_conn, store_id) == {"completed": 6}
