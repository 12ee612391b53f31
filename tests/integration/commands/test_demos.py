"""The demos with fake shops: the stores of earlier ones are found once their shops are gone."""

from __future__ import annotations

from psycopg import Connection

from app.usecases.stores import create_store
from tests.fakes.demo import NAME, gone_stores
from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.stack import free_port


def test_only_demo_stores_without_a_shop_are_gone(conn: Connection) -> None:
    name = NAME.format("woocommerce")
    with FakeWooCommerce() as shop:
        alive = create_store(conn, name, "woocommerce", shop.url).store_id
        nowhere = f"http://127.0.0.1:{free_port()}"
        gone = create_store(conn, name, "woocommerce", nowhere).store_id
        own = create_store(conn, "A real shop that is down", "woocommerce", nowhere).store_id
        found = gone_stores(conn)
    assert gone in found
    assert alive not in found and own not in found
