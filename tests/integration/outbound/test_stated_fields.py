"""A field that the ERP leaves out of a record is not sent; one that is null is cleared."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fakes.woocommerce import FakeWooCommerce
from tests.support.outbound import ask, make_erp_product, push, put_products, say_yes_to_takeover, statuses
from workers.core.runtime import Runtime

OWN = {
    "name": "By hand",
    "sku": "KNOWN",
    "description": "Written by hand.",
    "regular_price": "20",
    "sale_price": "18",
    "manage_stock": True,
    "stock_quantity": 5,
}
FIELDS = ("description", "regular_price", "sale_price", "manage_stock", "stock_quantity")
# Clearing a price is held by the brakes, so it is not among these.
STATEMENTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"description": None}, {"description": ""}),
    ({"regular_price": "21"}, {"regular_price": "21"}),
    ({"sale_price": None}, {"sale_price": ""}),
    ({"stock_quantity": 4}, {"stock_quantity": 4}),
    ({"stock_quantity": None}, {"manage_stock": False, "stock_quantity": None}),
    ({"manage_stock": True}, {}),
]


def bare(**stated: Any) -> dict[str, Any]:
    whole = make_erp_product(sku="KNOWN")
    return {name: whole[name] for name in ("product_id", "sku", "name")} | stated


def seen(shop: FakeWooCommerce) -> dict[str, Any]:
    product = shop.product_of("KNOWN")
    assert product is not None
    return {name: product[name] for name in FIELDS}


@pytest.mark.parametrize(("stated", "changed"), STATEMENTS)
def test_an_adopted_product_keeps_what_is_left_out(
    pushing: Runtime,
    root_conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    stated: dict[str, Any],
    changed: dict[str, Any],
) -> None:
    connected_shop.add_product(**OWN)
    before = seen(connected_shop)
    say_yes_to_takeover(pushing, store_id)
    put_products(pushing, store_id, [bare(**stated)])
    push(pushing, store_id)
    assert seen(connected_shop) == before | changed
    assert statuses(root_conn, store_id) == {"completed": 1}


def test_a_later_record_no_longer_owns_what_it_leaves_out(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    product = bare(description="A widget.", regular_price="20", sale_price="18", stock_quantity=5)
    put_products(pushing, store_id, [product])
    push(pushing, store_id)
    before = seen(connected_shop)
    put_products(pushing, store_id, [{name: product[name] for name in ("product_id", "sku", "name")}])
    ask(pushing, store_id, product["product_id"], "product", force=True)
    push(pushing, store_id)
    assert seen(connected_shop) == before
    assert set(statuses(root_conn, store_id)) == {"completed"}


def test_a_null_price_is_cleared_only_after_approval(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    connected_shop.add_product(**OWN)
    put_products(pushing, store_id, [bare(regular_price=None)])
    push(pushing, store_id)
    assert seen(connected_shop)["regular_price"] == "20"
    assert statuses(root_conn, store_id) == {"needs_approval": 1}
