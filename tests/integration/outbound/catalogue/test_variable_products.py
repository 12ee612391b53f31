"""Variable products and variations that the ERP names with `parent_id` and `attributes` are created in the shop."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from db.core.tenancy import tenant
from db.outbound.batches import list_batches
from db.outbound.mappings import count_mappings
from tests.fakes.woocommerce import FakeWooCommerce
from tests.fakes.woocommerce.catalogue import variations
from tests.support.outbound import (
    make_erp_product,
    push,
    push_all_attempts,
    put_products,
    say_yes_to_takeover,
    statuses,
)
from workers.core.runtime import Runtime
from workers.outbound.planning.preview import preview_products
from workers.outbound.runs import approve

SIZES = ("S", "M", "L")
ERRORS = "SELECT error_code, status FROM wc_sync_items WHERE store_id = %s AND error_code IS NOT NULL"


def make_shirt(**overrides: Any) -> dict[str, Any]:
    product = make_erp_product(sku="SHIRT", name="Linen shirt")
    return {name: product[name] for name in ("product_id", "sku", "name", "description")} | overrides


def make_size(shirt: dict[str, Any], size: str, **overrides: Any) -> dict[str, Any]:
    named = {"parent_id": shirt["product_id"], "attributes": {"Size": size, "Colour": "Blue"}}
    return make_erp_product(sku=f"{shirt['sku']}-{size}", name=f"Linen shirt {size}", **named) | overrides


def options(shop: FakeWooCommerce, sku: str) -> dict[str, list[str]]:
    product = shop.product_of(sku)
    assert product is not None and product["type"] == "variable"
    assert all(one["variation"] for one in product["attributes"])
    return {one["name"]: one["options"] for one in product["attributes"]}


def chosen(shop: FakeWooCommerce, sku: str) -> dict[str, str]:
    variation = shop.product_of(sku)
    assert variation is not None and variation["type"] == "variation"
    return {one["name"]: one["option"] for one in variation["attributes"]}


@pytest.mark.parametrize("is_child_first", [False, True])
def test_a_variable_product_is_created_with_its_variations(
    pushing: Runtime,
    root_conn: Connection,
    conn: Connection,
    store_id: UUID,
    connected_shop: FakeWooCommerce,
    is_child_first: bool,
) -> None:
    connected_shop.add_attribute(1, "Size", "pa_size")
    shirt = make_shirt()
    sizes = [make_size(shirt, size) for size in SIZES]
    put_products(pushing, store_id, [*sizes, shirt] if is_child_first else [shirt, *sizes])
    push(pushing, store_id)
    assert statuses(root_conn, store_id) == {"completed": 4}
    assert {name: sorted(several) for name, several in options(connected_shop, "SHIRT").items()} == {
        "Size": ["L", "M", "S"],
        "Colour": ["Blue"],
    }
    parent = connected_shop.product_of("SHIRT")
    assert parent is not None and {one["name"]: one["id"] for one in parent["attributes"]} == {"Size": 1, "Colour": 0}
    for size in SIZES:
        made = connected_shop.product_of(f"SHIRT-{size}")
        assert made is not None and (made["parent_id"], made["regular_price"]) == (parent["id"], "19.9")
        assert chosen(connected_shop, f"SHIRT-{size}") == {"Size": size, "Colour": "Blue"}
    assert connected_shop.calls["POST /products/{id}/variations/batch"] == 1
    with tenant(conn, store_id):
        assert count_mappings(conn, store_id) == (4, 0)


def test_variations_wait_for_a_product_that_comes_later(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt()
    put_products(pushing, store_id, [make_size(shirt, "S")])
    push_all_attempts(pushing, root_conn, store_id)
    assert root_conn.execute(ERRORS, (store_id,)).fetchall() == [("PARENT_NOT_READY", "failed")]
    assert connected_shop.state.products == {}
    put_products(pushing, store_id, [shirt])
    push(pushing, store_id)
    assert chosen(connected_shop, "SHIRT-S") == {"Size": "S", "Colour": "Blue"}
    assert statuses(root_conn, store_id) == {"failed": 1, "completed": 2}


def test_a_new_option_joins_the_list_of_the_product(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt()
    put_products(pushing, store_id, [shirt, make_size(shirt, "S")])
    push(pushing, store_id)
    parent = connected_shop.product_of("SHIRT")
    assert parent is not None
    by_hand = {"id": 0, "name": "Care", "visible": True, "variation": False, "options": ["Hand wash"]}
    connected_shop.edit_product(parent["id"], attributes=[*parent["attributes"], by_hand])
    put_products(pushing, store_id, [make_size(shirt, "XL")])
    push(pushing, store_id)
    found = connected_shop.product_of("SHIRT")
    assert found is not None
    held = {one["name"]: (one["variation"], one["options"]) for one in found["attributes"]}
    assert held == {"Size": (True, ["S", "XL"]), "Colour": (True, ["Blue"]), "Care": (False, ["Hand wash"])}
    assert chosen(connected_shop, "SHIRT-XL") == {"Size": "XL", "Colour": "Blue"}
    assert set(statuses(root_conn, store_id)) == {"completed"}


def test_variations_of_a_product_that_waits_for_approval_wait_too(
    pushing: Runtime, root_conn: Connection, conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    connected_shop.add_product(sku="SHIRT", name="By hand", regular_price="5")
    shirt = make_shirt()
    put_products(pushing, store_id, [shirt, make_size(shirt, "S")])
    push_all_attempts(pushing, root_conn, store_id)
    own = connected_shop.product_of("SHIRT")
    assert own is not None and (own["type"], own["name"]) == ("simple", "By hand")
    assert connected_shop.product_of("SHIRT-S") is None
    assert statuses(root_conn, store_id) == {"needs_approval": 1, "failed": 1}
    with tenant(conn, store_id):
        [hold] = [one for one in list_batches(conn, store_id, 5) if one.status == "needs_approval"]
        approve(conn, store_id, hold.id)
    push(pushing, store_id)
    assert chosen(connected_shop, "SHIRT-S") == {"Size": "S", "Colour": "Blue"}


def test_variations_follow_a_product_whose_name_the_shop_altered(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt(name="back\\slash")
    put_products(pushing, store_id, [make_size(shirt, "S")])
    push_all_attempts(pushing, root_conn, store_id)
    put_products(pushing, store_id, [shirt])
    push(pushing, store_id)
    assert ("SHOP_KEPT_OTHER_VALUE", "failed") in root_conn.execute(ERRORS, (store_id,)).fetchall()
    assert chosen(connected_shop, "SHIRT-S") == {"Size": "S", "Colour": "Blue"}


def test_a_created_variation_is_ours_after_a_lost_answer(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt()
    put_products(pushing, store_id, [shirt])
    push(pushing, store_id)
    put_products(pushing, store_id, [make_size(shirt, "S")])
    push(pushing, store_id)
    root_conn.execute(
        "DELETE FROM wc_product_sync_mappings WHERE store_id = %s AND wc_parent_id IS NOT NULL", (store_id,)
    )
    put_products(pushing, store_id, [make_size(shirt, "S", regular_price="21")])
    push(pushing, store_id)
    assert len(connected_shop.state.products) == 2


def test_a_deleted_variation_that_the_erp_names_is_made_anew(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt()
    size = make_size(shirt, "S")
    put_products(pushing, store_id, [shirt, size])
    push(pushing, store_id)
    made = connected_shop.product_of("SHIRT-S")
    assert made is not None
    with connected_shop.state.lock:
        variations.delete(connected_shop.state, made["parent_id"], made["id"], force=True)
    put_products(pushing, store_id, [size])
    push_all_attempts(pushing, root_conn, store_id)
    again = connected_shop.product_of("SHIRT-S")
    assert again is not None and again["id"] != made["id"]
    assert chosen(connected_shop, "SHIRT-S") == {"Size": "S", "Colour": "Blue"}


def test_a_dry_run_shows_the_variation_to_create(
    pushing: Runtime, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    shirt = make_shirt()
    size = make_size(shirt, "S")
    put_products(pushing, store_id, [shirt, size])
    ids = [UUID(one["product_id"]) for one in (shirt, size)]
    parent, variation = preview_products(pushing.settings, pushing.pool, store_id, ids, "product")
    shown = {one.field: one.ours for one in parent.differences}
    assert (parent.action, shown["type"], sorted(shown["attributes"])) == (
        "create",
        "variable",
        ["Colour: Blue", "Size: S"],
    )
    assert (variation.action, "name" in {one.field for one in variation.differences}) == ("create", False)


@pytest.mark.parametrize(
    ("overrides", "field", "code"),
    [
        ({"attributes": {}}, "attributes", "required"),
        ({"parent_id": None}, "parent_id", "required"),
        ({"attributes": ["M"]}, "attributes", "not_an_object"),
        ({"attributes": {str(number): "x" for number in range(11)}}, "attributes", "too_many"),
        ({"attributes": {"Size": " "}}, "attributes", "required"),
    ],
)
def test_a_variation_that_names_no_option_is_refused(
    pushing: Runtime, store_id: UUID, overrides: dict[str, Any], field: str, code: str
) -> None:
    intake = put_products(pushing, store_id, [make_size(make_shirt(), "S") | overrides])
    assert [(one.field, one.code) for one in intake.refused[0].problems] == [(field, code)]


def test_no_product_is_its_own_variation(pushing: Runtime, store_id: UUID) -> None:
    own = str(uuid4())
    intake = put_products(pushing, store_id, [make_size(make_shirt(), "S") | {"product_id": own, "parent_id": own}])
    assert [(one.field, one.code) for one in intake.refused[0].problems] == [("parent_id", "out_of_range")]


def test_prices_of_a_variable_product_hold_nothing(
    pushing: Runtime, root_conn: Connection, store_id: UUID, connected_shop: FakeWooCommerce
) -> None:
    say_yes_to_takeover(pushing, store_id)
    shirts = [make_shirt(sku=f"SHIRT{number}", regular_price="30") for number in range(12)]
    put_products(pushing, store_id, [one for shirt in shirts for one in (shirt, make_size(shirt, "S"))])
    push(pushing, store_id)
    put_products(pushing, store_id, [shirt | {"regular_price": "400"} for shirt in shirts])
    push(pushing, store_id)
    assert set(statuses(root_conn, store_id)) == {"completed"}
    assert {one["regular_price"] for one in connected_shop.state.products.values()} == {"", "19.9"}
