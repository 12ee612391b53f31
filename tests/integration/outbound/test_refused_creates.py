"""Products that the shop refuses to create: who has the SKU decides what becomes of the item."""

from __future__ import annotations

from uuid import UUID

import pytest
from psycopg import Connection

from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import make_erp_product, push, put_products, say_yes_to_takeover, statuses
from workers.core.runtime import Runtime

FAILED = "SELECT error_code, retryable, attempts FROM wc_sync_items WHERE store_id = %s AND status = 'failed'"


@pytest.mark.parametrize("sku", ["OWN 5\"x3'", "BACK\\SLASH", "CRÈME", "0", "A & B"])
def test_living_product_is_adopted_whatever_its_sku(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID, sku: str
) -> None:
    theirs = connected_shop.add_product(name="Theirs", sku=sku, regular_price="18")
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, [make_erp_product(sku=sku)])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 1}
    assert [one["id"] for one in connected_shop.state.products.values()] == [theirs["id"]]
    assert connected_shop.state.products[theirs["id"]]["regular_price"] == "19.9"


@pytest.mark.parametrize("sku", ["PLAIN-1", "OWN 5\"x3'"])
def test_sku_of_a_trashed_product_is_named(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID, sku: str
) -> None:
    connected_shop.trash_product(connected_shop.add_product(name="Old", sku=sku)["id"])
    put_products(pushing, store_id, [make_erp_product(sku=sku), make_erp_product()])
    push(pushing, store_id)
    assert root_conn.execute(FAILED, (store_id,)).fetchall() == [("SKU_IN_TRASH", False, 1)]
    assert statuses(root_conn, store_id) == {"completed": 1, "failed": 1}


def test_duplicate_that_only_the_error_names_is_read_by_its_id(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    """A plugin may keep a product out of lists. The item waits for an attempt that finds it."""
    parent = connected_shop.add_product(name="Shirt", type="variable", sku="SHIRT")
    connected_shop.add_variation(parent["id"], sku="HIDDEN")
    put_products(pushing, store_id, [make_erp_product(sku="HIDDEN")])
    found = dict(connected_shop.state.skus)

    def keep_out_of_lists(endpoint: str) -> None:
        connected_shop.state.skus = {} if endpoint == "GET /products" else dict(found)

    connected_shop.before = keep_out_of_lists
    push(pushing, store_id)
    waiting = "SELECT error_code, status, attempts FROM wc_sync_items WHERE store_id = %s"
    assert root_conn.execute(waiting, (store_id,)).fetchall() == [("DUPLICATE_SKU", "pending", 1)]
    assert connected_shop.calls["GET /products/{id}"] == 1


def test_refusal_without_a_holder_of_the_sku_says_so(
    pushing: Runtime, connected_shop: FakeWooCommerce, root_conn: Connection, store_id: UUID
) -> None:
    """The lookup table of the shop may keep the SKU of a product that is gone."""
    ghost = connected_shop.add_product(name="Ghost", sku='GHOST"1')
    put_products(pushing, store_id, [make_erp_product(sku='GHOST"1')])
    del connected_shop.state.products[ghost["id"]]
    push(pushing, store_id)
    assert root_conn.execute(FAILED, (store_id,)).fetchall() == [("PRODUCT_NOT_CREATED", False, 1)]
